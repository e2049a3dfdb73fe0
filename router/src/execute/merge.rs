//! Merging: adds the data of another fetch to an object.

use super::representations::Step;
use crate::supergraph::{TypeId, TypeNames};
use crate::value::{Object, Symbol, Value};

/// The value one step further down.
pub(super) fn step(value: &mut Value, step: Step) -> Option<&mut Value> {
    match (step, value) {
        (Step::Key(key), Value::Object(object)) => object.get_mut(key),
        (Step::Index(index), Value::List(items)) => items.get_mut(index as usize),
        _ => None,
    }
}

/// Merges `source` into `target` recursively. A null never replaces a value.
pub(super) fn merge(target: &mut Value, source: Value, types: &TypeNames) {
    match (target, source) {
        (_, Value::Null) => {}
        (Value::Object(target), Value::Object(source)) => merge_object(target, source, types),
        (Value::List(target), Value::List(source)) if target.len() == source.len() => {
            for (target, source) in target.iter_mut().zip(source) {
                merge(target, source, types);
            }
        }
        (target, source) => *target = source,
    }
}

pub(super) fn merge_object(target: &mut Object, source: Object, types: &TypeNames) {
    merge_typename(target, source.typename, types);
    if target.fields.is_empty() {
        target.fields = source.fields;
        return;
    }
    add(target, source.fields.into_iter(), types);
}

/// Like [`merge`], but keeps the source.
pub(super) fn merge_copy(target: &mut Object, source: &Object, types: &TypeNames) {
    merge_typename(target, source.typename, types);
    add(target, source.fields.iter().cloned(), types);
}

fn merge_typename(target: &mut Object, source: TypeId, types: &TypeNames) {
    // A subgraph that knows a type only as an interface object does not know the concrete type.
    if source != TypeId::NONE && (target.typename == TypeId::NONE || types.is_object(source)) {
        target.typename = source;
    }
}

fn add(
    target: &mut Object,
    fields: impl ExactSizeIterator<Item = (Symbol, Value)>,
    types: &TypeNames,
) {
    target.fields.reserve_exact(fields.len());
    for (key, value) in fields {
        match target.get_mut(key) {
            Some(known) => merge(known, value, types),
            None => target.fields.push((key, value)),
        }
    }
}
