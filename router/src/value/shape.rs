//! What the answer to a fetch looks like, known from its selection before it comes.

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::{FieldSelection, SelectionSet};

use super::{Symbol, Symbols};

/// The response keys of a selection, over all its fragments, in the order a subgraph writes them.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    fields: Vec<(Box<str>, Slot)>,
    /// Which of them every object has, whatever its type is.
    always: Vec<bool>,
}

/// Where the value of a response key goes.
#[derive(Debug)]
pub(crate) enum Slot {
    /// `__typename`, by whatever alias.
    Typename,
    Leaf(Symbol),
    Composite(Symbol, Shape),
}

impl Shape {
    /// The shape of a whole operation.
    pub(crate) fn of_document(document: &Document, symbols: &mut Symbols) -> Self {
        let mut shape = Self::default();
        shape.add(&document.operation.selection_set, true, document, symbols);
        shape
    }

    /// `always`: whether the selection is made of every object here.
    fn add(
        &mut self,
        selection: &SelectionSet,
        always: bool,
        document: &Document,
        symbols: &mut Symbols,
    ) {
        for item in &selection.items {
            match item {
                SelectionItem::Field(field) => {
                    let key = field.selection_identifier();
                    let position = self.fields.iter().position(|(known, _)| **known == *key);
                    let position = position.unwrap_or_else(|| {
                        let slot = if field.name == "__typename" {
                            Slot::Typename
                        } else if field.selections.items.is_empty() {
                            Slot::Leaf(symbols.intern(key))
                        } else {
                            Slot::Composite(symbols.intern(key), Self::default())
                        };
                        self.fields.push((key.into(), slot));
                        self.always.push(false);
                        self.fields.len() - 1
                    });
                    self.always[position] |= always;
                    if let Slot::Composite(_, inner) = &mut self.fields[position].1 {
                        inner.add_below(field, always, document, symbols);
                    }
                }
                SelectionItem::InlineFragment(fragment) => {
                    self.add(&fragment.selections, false, document, symbols);
                }
                SelectionItem::FragmentSpread(name) => {
                    let fragment = document.fragments.iter().find(|known| known.name == *name);
                    if let Some(fragment) = fragment {
                        self.add(&fragment.selection_set, false, document, symbols);
                    }
                }
            }
        }
    }

    /// Entities are asked for by fragments: a single one is about all of them. What is below a fragment is never there
    /// always: fragments on other types may select other fields below the same key.
    fn add_below(
        &mut self,
        field: &FieldSelection,
        always: bool,
        document: &Document,
        symbols: &mut Symbols,
    ) {
        if field.name == "_entities" {
            match field.selections.items.as_slice() {
                [SelectionItem::InlineFragment(fragment)] => {
                    return self.add(&fragment.selections, always, document, symbols);
                }
                [SelectionItem::FragmentSpread(name)] => {
                    let fragment = document.fragments.iter().find(|known| known.name == *name);
                    if let Some(fragment) = fragment {
                        return self.add(&fragment.selection_set, always, document, symbols);
                    }
                }
                _ => {}
            }
        }
        self.add(&field.selections, always, document, symbols);
    }

    /// The keys with their slots, and whether every object has them.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &Slot, bool)> {
        let fields = self.fields.iter().zip(&self.always);
        fields.map(|((name, slot), always)| (&**name, slot, *always))
    }

    /// The slot of a key. `expected` is where the previous key left off: subgraphs answer in the
    /// order they were asked, so the first comparison nearly always hits.
    pub(crate) fn slot(&self, key: &[u8], expected: &mut usize) -> Option<&Slot> {
        if let Some((name, slot)) = self.fields.get(*expected)
            && name.as_bytes() == key
        {
            *expected += 1;
            return Some(slot);
        }
        let position = self
            .fields
            .iter()
            .position(|(name, _)| name.as_bytes() == key)?;
        *expected = position + 1;
        self.fields.get(position).map(|(_, slot)| slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The keys at the top: the root fields of the fetch.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| &**name)
    }
}
