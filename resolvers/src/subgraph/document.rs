//! Inspects a document before execution: its kind and its depth.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Name, Request};

use super::RECURSION;

/// What needs to be known of a document before it is executed.
pub(super) struct Document {
    pub(super) is_query: bool,
    pub(super) depth: usize,
}

impl Document {
    /// A document that does not parse is rejected in execution, unless it nests too deeply to be parsed.
    pub(super) fn of(request: &mut Request) -> Self {
        let name = request.operation_name.clone();
        let document = match request.parsed_query() {
            Ok(document) => document,
            Err(error) => {
                let too_deep = async_graphql::parser::Error::RecursionLimitExceeded.to_string();
                let depth = if error.message == too_deep {
                    RECURSION
                } else {
                    0
                };
                return Self {
                    is_query: true,
                    depth,
                };
            }
        };
        let operations = document.operations.iter();
        let is_query = operations
            .filter(|(operation, _)| {
                name.is_none() || operation.map(|o| o.as_str()) == name.as_deref()
            })
            .all(|(_, operation)| operation.node.ty == OperationType::Query);
        let mut depths = Depths {
            document,
            known: HashMap::new(),
            followed: 0,
        };
        let operations = document.operations.iter();
        let depth = operations
            .map(|(_, operation)| depths.of(&operation.node.selection_set.node))
            .max();
        Self {
            is_query,
            depth: depth.unwrap_or_default(),
        }
    }
}

/// Levels of fields below selections, after spreading fragments.
struct Depths<'d> {
    document: &'d ExecutableDocument,
    /// Results by fragment: a few fragments that spread each other twice would otherwise take forever.
    known: HashMap<&'d str, usize>,
    followed: usize,
}

impl<'d> Depths<'d> {
    /// Stops at [`RECURSION`]: the document is already too deep, or a fragment spreads itself.
    fn of(&mut self, selections: &'d SelectionSet) -> usize {
        if self.followed > RECURSION {
            return RECURSION;
        }
        self.followed += 1;
        let mut deepest = 0;
        for selection in &selections.items {
            let depth = match &selection.node {
                Selection::Field(field) => 1 + self.of(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => self.of(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    self.of_fragment(&spread.node.fragment_name.node)
                }
            };
            deepest = deepest.max(depth);
        }
        self.followed -= 1;
        deepest
    }

    fn of_fragment(&mut self, name: &'d Name) -> usize {
        if let Some(known) = self.known.get(name.as_str()) {
            return *known;
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return 0;
        };
        let depth = self.of(&fragment.node.selection_set.node);
        self.known.insert(name, depth);
        depth
    }
}
