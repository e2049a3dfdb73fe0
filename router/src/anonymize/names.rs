//! What each name becomes. Planners break ties by the order of names, so that stays: a name becomes its rank among those of
//! the supergraph, or among those that a document has beside them, and its hash.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::type_system::{BUILT_IN_SCALARS, ROOTS};

/// How many digits of a hash are shown: enough to tell the names of one schema apart.
const DIGITS: usize = 8;

/// Names that GraphQL or federation gives a meaning of their own.
const KEPT: [&str; 5] = ["_Any", "_Entity", "_Service", "_entities", "_service"];

#[derive(Debug)]
pub(super) struct Names {
    salt: String,
    /// Those of the supergraph.
    known: BTreeMap<String, String>,
    /// Those that only a document has, such as aliases.
    others: BTreeMap<String, String>,
    /// While names are collected, and stay as they are.
    collected: Option<BTreeSet<String>>,
}

impl Names {
    /// Leaves names as they are, and remembers them.
    pub(super) fn collecting(salt: &str) -> Self {
        Self {
            salt: salt.to_owned(),
            known: BTreeMap::new(),
            others: BTreeMap::new(),
            collected: Some(BTreeSet::new()),
        }
    }

    /// Renames those that were collected, which are the supergraph's.
    pub(super) fn rename_supergraph(&mut self) {
        let collected = self.collected.take().unwrap_or_default();
        self.known = ranked("n", &self.salt, collected);
    }

    /// Leaves the names of a document as they are, and remembers them.
    pub(super) fn collect_document(&mut self) {
        self.collected = Some(BTreeSet::new());
    }

    /// Renames those that were collected, which are the document's.
    pub(super) fn rename_document(&mut self) {
        let mut collected = self.collected.take().unwrap_or_default();
        collected.retain(|name| !self.known.contains_key(name));
        self.others = ranked("x", &self.salt, collected);
    }

    /// What a name becomes.
    pub(super) fn of(&mut self, name: &str) -> String {
        if is_kept(name) {
            return name.to_owned();
        }
        if let Some(collected) = &mut self.collected {
            collected.insert(name.to_owned());
            return name.to_owned();
        }
        let renamed = self.known.get(name).or_else(|| self.others.get(name));
        // Nothing is renamed that was not collected.
        renamed.map_or_else(|| hash(&self.salt, name), Clone::clone)
    }

    pub(super) fn change(&mut self, name: &mut String) {
        *name = self.of(name);
    }

    /// What a name with a namespace or a path becomes: each part is a name.
    pub(super) fn parts(&mut self, text: &str, separator: &str) -> String {
        let parts = text.split(separator).map(|part| match part {
            "" => String::new(),
            part => self.of(part),
        });
        parts.collect::<Vec<_>>().join(separator)
    }
}

/// Names by their order.
fn ranked(prefix: &str, salt: &str, names: BTreeSet<String>) -> BTreeMap<String, String> {
    let width = names.len().to_string().len();
    let names = names.into_iter().enumerate();
    names
        .map(|(rank, name)| {
            let hash = hash(salt, &name);
            (name, format!("{prefix}{rank:0width$}_{hash}"))
        })
        .collect()
}

fn is_kept(name: &str) -> bool {
    name.starts_with("__")
        || BUILT_IN_SCALARS.contains(&name)
        || ROOTS.iter().any(|(_, root)| *root == name)
        || KEPT.contains(&name)
}

/// The hash of a text.
pub(super) fn hash(salt: &str, text: &str) -> String {
    let digest = Sha256::new()
        .chain_update(salt.as_bytes())
        .chain_update([0])
        .chain_update(text.as_bytes())
        .finalize();
    let mut digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(DIGITS);
    digits
}
