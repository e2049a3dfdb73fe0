//! Fragments with `@defer`: which of them are deferred, the parts of a response, and what is still to be delivered.

use std::collections::HashMap;
use std::sync::Arc;

use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, Selection, SelectionSet, Value as Literal,
};
use serde_json::Value as Variable;

use super::ObjectSelection;
use crate::error::PathSegment;
use crate::prepare::Variables;
use crate::type_system::ast::argument;
use crate::value::{Object, Symbol, Value};

/// Maximum number of deferred fragments in an operation. The fields of further ones are delivered with what surrounds
/// them.
const MAX_FRAGMENTS: usize = 63;

/// Maximum number of deferred fragments in a response, counted for every object. Fragments that spread each other can
/// have far more than the document has.
pub(crate) const MAX_PENDING: usize = 10_000;

/// Parts of a response: the initial one, and one for each deferred fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parts(u64);

impl Parts {
    pub(crate) const INITIAL: Self = Self(1);

    /// The part of a deferred fragment.
    pub(crate) fn of_fragment(number: usize) -> Self {
        Self(2 << number.min(MAX_FRAGMENTS - 1))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    pub(crate) fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }
}

/// The deferred fragments of a document, in its order.
#[derive(Default)]
pub(super) struct DeferredFragments {
    numbers: HashMap<*const Directive, usize>,
    pub(super) labels: Vec<Option<String>>,
}

impl DeferredFragments {
    pub(super) fn of(document: &Document, variables: &Variables) -> Self {
        let mut fragments = Self::default();
        for definition in &document.definitions {
            let selections = match definition {
                Definition::Operation(operation) => operation.selection_set(),
                Definition::Fragment(fragment) => &fragment.selection_set,
            };
            fragments.add(selections, variables);
        }
        fragments
    }

    fn add(&mut self, selections: &SelectionSet, variables: &Variables) {
        for selection in &selections.items {
            let directives = match selection {
                Selection::Field(field) => {
                    self.add(&field.selection_set, variables);
                    continue;
                }
                Selection::InlineFragment(fragment) => &fragment.directives,
                Selection::FragmentSpread(spread) => &spread.directives,
            };
            if let Some(defer) = defer(directives)
                && is_active(defer, variables)
                && self.labels.len() < MAX_FRAGMENTS
            {
                let number = self.labels.len();
                self.numbers.insert(std::ptr::from_ref(defer), number);
                self.labels.push(match argument(defer, "label") {
                    Some(Literal::String(label)) => Some(label.clone()),
                    _ => None,
                });
            }
            if let Selection::InlineFragment(fragment) = selection {
                self.add(&fragment.selection_set, variables);
            }
        }
    }

    /// The number of the fragment with these directives, if it is deferred.
    pub(super) fn number(&self, directives: &[Directive]) -> Option<usize> {
        let defer = defer(directives)?;
        self.numbers.get(&std::ptr::from_ref(defer)).copied()
    }
}

fn defer(directives: &[Directive]) -> Option<&Directive> {
    let mut directives = directives.iter();
    directives.find(|directive| directive.name == "defer")
}

fn is_active(defer: &Directive, variables: &Variables) -> bool {
    match argument(defer, "if") {
        Some(Literal::Boolean(condition)) => *condition,
        // Without a value nothing is deferred, which is always allowed: variants do not tell that from `false`.
        Some(Literal::Variable(name)) => {
            matches!(variables.get(name), Some(Variable::Bool(true)))
        }
        _ => true,
    }
}

/// A deferred fragment of an object that has been delivered.
#[derive(Debug)]
pub(crate) struct PendingFragment {
    pub number: usize,
    pub(super) selection: Arc<ObjectSelection>,
    /// The object's path in the response.
    pub path: Vec<PathSegment>,
    /// The keys of the path in the data.
    pub(super) keys: Vec<Symbol>,
}

impl PendingFragment {
    /// The object in the data.
    pub(super) fn object<'v>(&self, data: &'v Value) -> Option<&'v Object> {
        let mut keys = self.keys.iter();
        let mut value = data;
        for segment in &self.path {
            value = match (segment, value) {
                (PathSegment::Key(_), Value::Object(object)) => object.get(*keys.next()?)?,
                (PathSegment::Index(index), Value::List(items)) => items.get(*index)?,
                _ => return None,
            };
        }
        match value {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }
}
