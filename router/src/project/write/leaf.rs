//! Writes scalars and enum values, if they fit the schema.

use super::{NullPropagation, Writer};
use crate::project::{Field, Leaf};
use crate::value::{Value, number, write_json, write_string};

impl Writer<'_> {
    pub(super) fn leaf(
        &mut self,
        field: &Field,
        leaf: &Leaf,
        value: &Value,
    ) -> Result<(), NullPropagation> {
        let fits = match (leaf, value) {
            (Leaf::Custom, _) => true,
            (Leaf::Int, Value::Int(number)) => i32::try_from(*number).is_ok(),
            (Leaf::Int, number) => match whole(number) {
                Some(whole) => {
                    self.out.extend_from_slice(whole.to_string().as_bytes());
                    return Ok(());
                }
                None => false,
            },
            (Leaf::Float, Value::Int(_) | Value::Float(_)) => true,
            (Leaf::Float, Value::Number(number)) => number::finite(number.as_str()).is_some(),
            (Leaf::String | Leaf::Id, Value::String(_) | Value::Escaped(_)) => true,
            (Leaf::Id, Value::Int(number)) => {
                write_string(number.to_string().as_bytes(), &mut self.out);
                return Ok(());
            }
            (Leaf::Boolean, Value::Bool(_)) => true,
            (Leaf::Enum(known), Value::String(text) | Value::Escaped(text)) => {
                let is_among = |values: &[String]| {
                    values.iter().any(|name| name.as_bytes() == text.as_bytes())
                };
                if !is_among(&known.visible) && is_among(&known.all) {
                    // The value is hidden: for clients it does not exist.
                    return Err(NullPropagation);
                }
                is_among(&known.visible)
            }
            _ => false,
        };
        if !fits {
            self.mismatch(field);
            return Err(NullPropagation);
        }
        write_json(value, self.symbols, &self.supergraph.types, &mut self.out);
        Ok(())
    }
}

/// The value as an `Int`; `3.0` and `3e0` are integers, too.
fn whole(value: &Value) -> Option<i32> {
    let float = match value {
        Value::Float(float) => *float,
        Value::Number(digits) => number::finite(digits.as_str())?,
        _ => return None,
    };
    let whole = float as i32;
    (f64::from(whole) == float).then_some(whole)
}
