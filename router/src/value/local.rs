//! Converts values from and to async-graphql, for in-process subgraphs: moved, not serialized.

use async_graphql::Value as LocalValue;
use async_graphql::indexmap::IndexMap;

use super::{Object, Shape, Slot, Symbols, Value};
use crate::supergraph::{TypeId, TypeNames};

/// Converts a result. `shape` is the selection expected for objects here.
pub(crate) fn from_local(value: LocalValue, shape: Option<&Shape>, types: &TypeNames) -> Value {
    match value {
        LocalValue::Null => Value::Null,
        LocalValue::Boolean(flag) => Value::Bool(flag),
        LocalValue::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(float)) if number.is_f64() => Value::Float(float),
            _ => Value::Number(number.to_string().into()),
        },
        LocalValue::String(text) => Value::String(text.into()),
        LocalValue::Enum(name) => Value::String(name.as_str().into()),
        LocalValue::List(items) => Value::List(
            items
                .into_iter()
                .map(|item| from_local(item, shape, types))
                .collect(),
        ),
        LocalValue::Object(fields) => match shape {
            Some(shape) => object(fields, shape, types),
            None => raw(&LocalValue::Object(fields)),
        },
        // Binary data has no GraphQL form other than a list of numbers, as async-graphql serializes it.
        LocalValue::Binary(bytes) => raw(&LocalValue::Binary(bytes)),
    }
}

fn raw(value: &LocalValue) -> Value {
    serde_json::to_string(value).map_or(Value::Null, |text| Value::Raw(text.into()))
}

fn object(
    fields: IndexMap<async_graphql::Name, LocalValue>,
    shape: &Shape,
    types: &TypeNames,
) -> Value {
    let mut object = Object {
        typename: TypeId::NONE,
        fields: Vec::with_capacity(fields.len()),
    };
    let mut expected = 0;
    for (name, value) in fields {
        match shape.slot(name.as_bytes(), &mut expected) {
            Some(Slot::Typename) => {
                if let LocalValue::String(name) = &value {
                    object.typename = types.find(name);
                }
            }
            Some(Slot::Leaf(key)) => object.fields.push((*key, from_local(value, None, types))),
            Some(Slot::Composite(key, inner)) => {
                object
                    .fields
                    .push((*key, from_local(value, Some(inner), types)));
            }
            None => {}
        }
    }
    Value::Object(object)
}

/// A representation as a fetch's variable.
pub(crate) fn to_local(value: &Value, symbols: &Symbols, types: &TypeNames) -> LocalValue {
    match value {
        Value::Null => LocalValue::Null,
        Value::Bool(flag) => LocalValue::Boolean(*flag),
        Value::Int(number) => LocalValue::Number((*number).into()),
        Value::Float(number) => {
            async_graphql::Number::from_f64(*number).map_or(LocalValue::Null, LocalValue::Number)
        }
        Value::String(text) => LocalValue::String(text.as_str().to_owned()),
        Value::Escaped(text) if !text.as_bytes().contains(&b'\\') => {
            LocalValue::String(text.as_str().to_owned())
        }
        Value::Escaped(text) => parsed(&format!("\"{}\"", text.as_str())),
        Value::Number(text) | Value::Raw(text) => parsed(text.as_str()),
        Value::List(items) => LocalValue::List(
            items
                .iter()
                .map(|item| to_local(item, symbols, types))
                .collect(),
        ),
        Value::Object(object) => {
            let mut fields = IndexMap::with_capacity(object.fields.len() + 1);
            if let Some(name) = types.shared_name(object.typename) {
                fields.insert(types.typename_key(), LocalValue::String(name.to_string()));
            }
            for (key, value) in &object.fields {
                fields.insert(symbols.shared_name(*key), to_local(value, symbols, types));
            }
            LocalValue::Object(fields)
        }
    }
}

fn parsed(json: &str) -> LocalValue {
    // The text was validated when it was decoded.
    serde_json::from_str(json).unwrap_or(LocalValue::Null)
}
