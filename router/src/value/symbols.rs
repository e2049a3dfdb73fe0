//! Interned response keys of one operation, so that executing it compares and copies integers.

use std::collections::HashMap;

use async_graphql::Name;

/// A response key of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Symbol(u32);

impl Symbol {
    /// A key that no fetch requests.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The key at a position of a shape, in a [`StoredValue`](super::StoredValue).
    pub(super) fn of_position(position: usize) -> Self {
        // A selection has fewer keys than bytes, and documents are far below 4 GB.
        Self(position as u32)
    }

    pub(super) fn position(self) -> usize {
        self.0 as usize
    }
}

/// All response keys used by the operation's fetches.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    names: Vec<Name>,
    lookup: HashMap<Name, Symbol>,
}

impl Symbols {
    pub(crate) fn intern(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.lookup.get(name) {
            return *symbol;
        }
        // An operation has fewer keys than bytes, and documents are far below 4 GB.
        let symbol = Symbol(self.names.len() as u32);
        let name = Name::new(name);
        self.names.push(name.clone());
        self.lookup.insert(name, symbol);
        symbol
    }

    /// A key's symbol, [`Symbol::NONE`] if nothing fetches it.
    pub(crate) fn find(&self, name: &str) -> Symbol {
        self.lookup.get(name).copied().unwrap_or(Symbol::NONE)
    }

    pub(crate) fn name(&self, symbol: Symbol) -> &str {
        self.names
            .get(symbol.0 as usize)
            .map_or("", |name| name.as_str())
    }

    /// The key as async-graphql's type; cloning it copies no text.
    pub(crate) fn shared_name(&self, symbol: Symbol) -> Name {
        self.names
            .get(symbol.0 as usize)
            .cloned()
            .unwrap_or_else(|| Name::new(""))
    }
}
