//! Handles objects that may have no remaining fields: because of conditions, or because no fragment matches their type.

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Value, Variables};
use async_graphql_value::Value as Literal;

use super::conditions::{inner_mut, remains};

/// A response key that the client does not use.
#[derive(Debug)]
pub(crate) struct Placeholder(Name);

impl Placeholder {
    /// Removes it from a response.
    pub(crate) fn remove(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.shift_remove(&self.0);
                fields.values_mut().for_each(|field| self.remove(field));
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.remove(item)),
            _ => {}
        }
    }
}

/// Whether a document has objects without a direct field.
pub(super) fn is_possible(document: &ExecutableDocument, variables: &Variables) -> bool {
    let mut operations = document.operations.iter();
    operations.any(|(_, operation)| {
        let of_object = operation.node.ty != OperationType::Subscription;
        may_be_empty(&operation.node.selection_set.node, of_object, variables)
    }) || document
        .fragments
        .values()
        .any(|fragment| may_be_empty(&fragment.node.selection_set.node, false, variables))
}

/// `of_object`: whether this is an object's whole selection rather than a fragment.
fn may_be_empty(set: &SelectionSet, of_object: bool, variables: &Variables) -> bool {
    (of_object && !set.items.is_empty() && !has_field(set))
        || set.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => {
                let of_object = !has_fragments_for_all(&field.node, variables);
                may_be_empty(&field.node.selection_set.node, of_object, variables)
            }
            Selection::InlineFragment(fragment) => {
                may_be_empty(&fragment.node.selection_set.node, false, variables)
            }
            Selection::FragmentSpread(_) => false,
        })
}

fn has_field(set: &SelectionSet) -> bool {
    set.items
        .iter()
        .any(|selection| matches!(selection.node, Selection::Field(_)) && remains(&selection.node))
}

/// Adds a selection to every object without one. `None` if there are none.
pub(super) fn fill(
    document: &mut ExecutableDocument,
    variables: &Variables,
) -> Option<Placeholder> {
    if !is_possible(document, variables) {
        return None;
    }
    let key = unused_key(document);
    let filling = Filling {
        variables,
        key: &key,
    };
    let operations: Vec<_> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        // The root of a subscription has no `__typename`, and is never empty.
        let of_object = operation.node.ty != OperationType::Subscription;
        let pos = operation.node.selection_set.pos;
        filling.set(&mut operation.node.selection_set.node, pos, of_object);
    }
    for fragment in document.fragments.values_mut() {
        let pos = fragment.node.selection_set.pos;
        filling.set(&mut fragment.node.selection_set.node, pos, false);
    }
    Some(Placeholder(key))
}

struct Filling<'a> {
    variables: &'a Variables,
    key: &'a Name,
}

impl Filling<'_> {
    fn set(&self, set: &mut SelectionSet, pos: Pos, of_object: bool) {
        for selection in &mut set.items {
            let is_object = match &selection.node {
                Selection::Field(field) => !has_fragments_for_all(&field.node, self.variables),
                _ => false,
            };
            let pos = selection.pos;
            if let Some(inner) = inner_mut(&mut selection.node) {
                self.set(inner, pos, is_object);
            }
        }
        if of_object && !set.items.is_empty() && !has_field(set) {
            set.items.push(self.placeholder(pos));
        }
    }

    fn placeholder(&self, pos: Pos) -> Positioned<Selection> {
        let field = Field {
            alias: Some(Positioned::new(self.key.clone(), pos)),
            name: Positioned::new(Name::new("__typename"), pos),
            arguments: Vec::new(),
            directives: Vec::new(),
            selection_set: Positioned::new(SelectionSet { items: Vec::new() }, pos),
        };
        Positioned::new(Selection::Field(Positioned::new(field, pos)), pos)
    }
}

/// `_entities` with a fragment for the type of each representation, as our router requests them.
fn has_fragments_for_all(field: &Field, variables: &Variables) -> bool {
    if field.name.node != "_entities" {
        return false;
    }
    let representations = match field
        .get_argument("representations")
        .map(|value| &value.node)
    {
        Some(Literal::Variable(name)) => variables.get(name),
        _ => None,
    };
    let Some(Value::List(representations)) = representations else {
        return false;
    };
    let fragments = field.selection_set.node.items.iter();
    let types: Vec<&str> = fragments
        .filter(|selection| remains(&selection.node))
        .filter_map(|selection| match &selection.node {
            Selection::InlineFragment(fragment) if has_field(&fragment.node.selection_set.node) => {
                let condition = fragment.node.type_condition.as_ref()?;
                Some(condition.node.on.node.as_str())
            }
            _ => None,
        })
        .collect();
    representations.iter().all(|representation| {
        let Value::Object(fields) = representation else {
            return false;
        };
        matches!(fields.get("__typename"), Some(Value::String(name)) if types.contains(&name.as_str()))
    })
}

/// A key that does not occur in the document.
fn unused_key(document: &ExecutableDocument) -> Name {
    fn collect<'d>(set: &'d SelectionSet, used: &mut HashSet<&'d str>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    used.insert(field.node.response_key().node.as_str());
                    collect(&field.node.selection_set.node, used);
                }
                Selection::InlineFragment(fragment) => {
                    collect(&fragment.node.selection_set.node, used);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    let mut used = HashSet::new();
    for (_, operation) in document.operations.iter() {
        collect(&operation.node.selection_set.node, &mut used);
    }
    for fragment in document.fragments.values() {
        collect(&fragment.node.selection_set.node, &mut used);
    }
    let mut key = "_nothing".to_owned();
    while used.contains(key.as_str()) {
        key.push('_');
    }
    Name::new(key)
}
