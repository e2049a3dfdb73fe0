//! Values that outlive the response and the plan they came from: all of their texts are in one buffer of their own, and
//! instead of the plan's symbols their keys are positions in the shape, which equal documents share.

use bytes::Bytes;

use super::{Object, Shape, Slot, Symbol, Text, Value};

/// A value to be read again with an equal shape.
#[derive(Clone, Debug)]
pub(crate) struct StoredValue {
    value: Value,
    bytes: usize,
}

impl StoredValue {
    /// A copy of a value with this shape; `None` if it has keys that the shape does not.
    pub(crate) fn new(value: &Value, shape: &Shape) -> Option<Self> {
        let mut texts = Vec::new();
        gather(value, &mut texts);
        let mut writer = Writer {
            texts: texts.into(),
            used: 0,
        };
        let value = writer.value(value, Some(shape))?;
        let bytes = size_of::<Self>() + value.weight().bytes;
        Some(Self { value, bytes })
    }

    /// The value for an operation whose shape is equal.
    pub(crate) fn read(&self, shape: &Shape) -> Value {
        read(&self.value, Some(shape))
    }

    /// Its size in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Appends all texts, in the order in which [`Writer`] visits them.
fn gather(value: &Value, texts: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        Value::Number(text) | Value::String(text) | Value::Escaped(text) | Value::Raw(text) => {
            texts.extend_from_slice(text.as_bytes());
        }
        Value::List(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(object) => {
            let values = object.fields.iter().map(|(_, value)| value);
            values.for_each(|value| gather(value, texts));
        }
    }
}

struct Writer {
    texts: Bytes,
    used: usize,
}

impl Writer {
    fn text(&mut self, text: &Text) -> Text {
        let start = self.used;
        self.used += text.as_bytes().len();
        Text::from_checked(self.texts.slice(start..self.used))
    }

    fn value(&mut self, value: &Value, shape: Option<&Shape>) -> Option<Value> {
        Some(match value {
            Value::Null => Value::Null,
            Value::Bool(flag) => Value::Bool(*flag),
            Value::Int(number) => Value::Int(*number),
            Value::Float(number) => Value::Float(*number),
            Value::Number(text) => Value::Number(self.text(text)),
            Value::String(text) => Value::String(self.text(text)),
            Value::Escaped(text) => Value::Escaped(self.text(text)),
            Value::Raw(text) => Value::Raw(self.text(text)),
            Value::List(items) => {
                let items = items.iter().map(|item| self.value(item, shape));
                Value::List(items.collect::<Option<_>>()?)
            }
            Value::Object(object) => {
                let shape = shape?;
                let mut expected = 0;
                let mut fields = Vec::with_capacity(object.fields.len());
                for (symbol, value) in &object.fields {
                    let (position, slot) = shape.position(*symbol, &mut expected)?;
                    let inner = match slot {
                        Slot::Composite(_, inner) => Some(inner),
                        Slot::Typename | Slot::Leaf(_) => None,
                    };
                    fields.push((Symbol::of_position(position), self.value(value, inner)?));
                }
                Value::Object(Object {
                    typename: object.typename,
                    fields,
                })
            }
        })
    }
}

fn read(value: &Value, shape: Option<&Shape>) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(|item| read(item, shape)).collect()),
        Value::Object(object) => {
            let fields = object.fields.iter().filter_map(|(position, value)| {
                Some(match shape?.at(position.position())? {
                    Slot::Typename => return None,
                    Slot::Leaf(symbol) => (*symbol, read(value, None)),
                    Slot::Composite(symbol, inner) => (*symbol, read(value, Some(inner))),
                })
            });
            Value::Object(Object {
                typename: object.typename,
                fields: fields.collect(),
            })
        }
        leaf => leaf.clone(),
    }
}

#[cfg(test)]
mod tests {
    use graphql_tools::parser::parse_schema;

    use super::*;
    use crate::supergraph::TypeNames;
    use crate::value::{Symbols, decode_response, write_json};

    const QUERY: &str = "{ product { id price { amount } tags details kind: __typename } }";
    const BODY: &str = r#"{"data":{"product":{"id":"é\"1","price":[{"amount":1.50},null],"tags":["a",""],"details":{"z":[1]},"kind":"T"}}}"#;

    fn types() -> TypeNames {
        let document = parse_schema::<String>("type T { a: Int }").expect("SDL");
        TypeNames::of_document(&document.into_static())
    }

    fn json(value: &Value, symbols: &Symbols) -> String {
        let mut out = Vec::new();
        write_json(value, symbols, &types(), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    fn decoded(body: &Bytes, symbols: &mut Symbols) -> (Value, Shape) {
        let shape = Shape::of_query(QUERY, symbols);
        let response = decode_response(body, &shape, &types()).expect("a response");
        (response.data, shape)
    }

    #[test]
    fn a_stored_value_is_read_by_plans_that_number_their_keys_differently() {
        let mut symbols = Symbols::default();
        let (value, shape) = decoded(&Bytes::from_static(BODY.as_bytes()), &mut symbols);
        let stored = StoredValue::new(&value, &shape).expect("it fits");
        let mut others = Symbols::default();
        for name in ["x", "amount", "y", "tags", "id"] {
            others.intern(name);
        }
        let other = Shape::of_query(QUERY, &mut others);
        assert_eq!(json(&stored.read(&shape), &symbols), json(&value, &symbols));
        assert_eq!(json(&stored.read(&other), &others), json(&value, &symbols));
        assert!(
            json(&value, &symbols).contains("T"),
            "the type is stored, too"
        );
    }

    #[test]
    fn a_stored_value_does_not_hold_the_response_it_came_from() {
        let padded = format!("{BODY}{}", " ".repeat(100_000));
        let body = Bytes::from(padded);
        let (value, shape) = decoded(&body, &mut Symbols::default());
        let stored = StoredValue::new(&value, &shape).expect("it fits");
        drop(value);
        assert!(body.is_unique(), "nothing refers to it");
        assert!(stored.bytes() < 2_000, "{} bytes", stored.bytes());
    }

    #[test]
    fn a_value_of_another_shape_is_not_stored() {
        let mut symbols = Symbols::default();
        let (value, _) = decoded(&Bytes::from_static(BODY.as_bytes()), &mut symbols);
        let other = Shape::of_query("{ order { id } }", &mut symbols);
        assert!(StoredValue::new(&value, &other).is_none());
    }
}
