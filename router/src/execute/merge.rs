//! Merging: what another fetch knows of an object is added to what is there.

use super::representations::Step;
use crate::supergraph::{TypeId, TypeNames};
use crate::value::{Object, Value};

/// The object at a place.
pub(super) fn locate<'v>(data: &'v mut Value, steps: &[Step]) -> Option<&'v mut Object> {
    let mut value = data;
    for step in steps {
        value = match (step, value) {
            (Step::Key(key), Value::Object(object)) => object.get_mut(*key)?,
            (Step::Index(index), Value::List(items)) => items.get_mut(*index as usize)?,
            _ => return None,
        };
    }
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// Adds `source` to `target`, deeply. A null never replaces a value.
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
    // A subgraph that knows a type only as an interface object does not know what it really is.
    if target.typename == TypeId::NONE || types.is_object(source.typename) {
        target.typename = if source.typename == TypeId::NONE {
            target.typename
        } else {
            source.typename
        };
    }
    if target.fields.is_empty() {
        target.fields = source.fields;
        return;
    }
    for (key, value) in source.fields {
        match target.get_mut(key) {
            Some(known) => merge(known, value, types),
            None => target.fields.push((key, value)),
        }
    }
}
