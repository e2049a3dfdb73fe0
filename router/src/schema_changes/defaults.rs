//! Compares default values as clients see them through introspection, where formatting does not matter.

use graphql_tools::static_graphql::schema::{Type, Value};

use crate::type_system::Schema;
use crate::type_system::ast::TypeKind;
use crate::type_system::print::Literal;

/// A default as introspection writes it: single values coerced to lists, input object fields in alphabetical order and
/// with their own defaults, numbers normalized.
pub(super) fn canonical(value: &Value, value_type: &Type, schema: &Schema) -> String {
    Literal(&coerced(value, value_type, schema, 0)).to_string()
}

/// Maximum nesting of input object defaults.
const MAX_DEPTH: usize = 32;

fn coerced(value: &Value, value_type: &Type, schema: &Schema, depth: usize) -> Value {
    if matches!(value, Value::Null) || depth > MAX_DEPTH {
        return value.clone();
    }
    match value_type {
        Type::NonNullType(inner) => coerced(value, inner, schema, depth),
        Type::ListType(inner) => match value {
            Value::List(items) => Value::List(
                items
                    .iter()
                    .map(|item| coerced(item, inner, schema, depth))
                    .collect(),
            ),
            single => Value::List(vec![coerced(single, inner, schema, depth)]),
        },
        Type::NamedType(name) => match (value, schema.types.get(name)) {
            (Value::Object(fields), Some(definition))
                if definition.kind == TypeKind::InputObject =>
            {
                let mut known: Vec<(String, Value)> = definition
                    .fields
                    .iter()
                    .filter_map(|field| {
                        let mut given = fields.iter();
                        let given = given.find(|(name, _)| *name == field.name);
                        let value = given.map(|(_, value)| value).or(field.default.as_ref())?;
                        let value = coerced(value, &field.value_type, schema, depth + 1);
                        Some((field.name.clone(), value))
                    })
                    .collect();
                known.sort_by(|(one, _), (other, _)| one.cmp(other));
                Value::Object(known)
            }
            (Value::Int(number), _) if name == "ID" => {
                Value::String(number.as_i64().unwrap_or_default().to_string())
            }
            // Numbers that the syntax tree keeps as digits.
            (Value::Enum(digits), _) if name == "Float" => match digits.parse::<f64>() {
                Ok(number) => Value::Enum(number.to_string()),
                Err(_) => value.clone(),
            },
            _ => value.clone(),
        },
    }
}
