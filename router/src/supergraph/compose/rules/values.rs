//! Whether a literal fits a type.

use crate::type_system::Schema;
use crate::type_system::ast::{Type, TypeKind, Value};

/// Why a literal does not fit.
pub(super) fn problem(schema: &Schema, expected: &Type, value: &Value) -> Option<String> {
    match (expected, value) {
        (Type::NonNullType(_), Value::Null) => Some(format!("null is no {expected}")),
        (Type::NonNullType(inner), value) => problem(schema, inner, value),
        (_, Value::Null) => None,
        (Type::ListType(inner), Value::List(items)) => {
            items.iter().find_map(|item| problem(schema, inner, item))
        }
        (Type::ListType(inner), value) => problem(schema, inner, value),
        (Type::NamedType(name), value) => named(schema, name, value),
    }
}

fn named(schema: &Schema, name: &str, value: &Value) -> Option<String> {
    let fits = match name {
        "Int" => {
            matches!(value, Value::Int(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()))
        }
        "Float" => matches!(value, Value::Int(_) | Value::Float(_)),
        "String" => matches!(value, Value::String(_)),
        "Boolean" => matches!(value, Value::Boolean(_)),
        "ID" => matches!(value, Value::String(_) | Value::Int(_)),
        _ => match (schema.types.get(name), value) {
            (Some(definition), Value::Enum(value)) if definition.kind == TypeKind::Enum => {
                definition.value(value).is_some()
            }
            (Some(definition), Value::Object(fields))
                if definition.kind == TypeKind::InputObject =>
            {
                return object(schema, name, fields);
            }
            (Some(definition), _) => definition.kind == TypeKind::Scalar,
            (None, _) => true,
        },
    };
    (!fits).then(|| format!("{value} is no {name}"))
}

fn object(schema: &Schema, name: &str, fields: &[(String, Value)]) -> Option<String> {
    let definition = schema.types.get(name)?;
    let unknown = fields
        .iter()
        .find(|(field, _)| definition.field(field).is_none());
    if let Some((field, _)) = unknown {
        return Some(format!("{name} has no field {field}"));
    }
    definition.fields.iter().find_map(|field| {
        match fields.iter().find(|(name, _)| *name == field.name) {
            Some((_, value)) => problem(schema, &field.value_type, value),
            None => field
                .is_required()
                .then(|| format!("{name}.{} is required", field.name)),
        }
    })
}
