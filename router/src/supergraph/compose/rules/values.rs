//! Whether a literal fits a type.

use crate::prepare::digits_of;
use crate::type_system::Schema;
use crate::type_system::ast::{Type, TypeKind, Value};
use crate::value::number;

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
        "Float" => {
            matches!(value, Value::Int(_) | Value::Float(_))
                || digits(value).is_some_and(|digits| number::finite(digits).is_some())
        }
        "String" => matches!(value, Value::String(_)),
        "Boolean" => matches!(value, Value::Boolean(_)),
        "ID" => {
            matches!(value, Value::String(_) | Value::Int(_))
                || digits(value).is_some_and(number::is_integer)
        }
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

/// The digits of a number that is not kept in 64 bits.
fn digits(value: &Value) -> Option<&str> {
    match value {
        Value::Enum(name) => digits_of(name),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::type_system::ast::Definition;

    #[test]
    fn numbers_of_any_length_fit_the_types_that_take_them() {
        let fits = |name: &str, literal: &str| {
            let sdl = format!("scalar Any input I {{ field: {name} = {literal} }}");
            let document = crate::type_system::parse(&sdl).expect("parses");
            let schema = Schema::parse(&sdl).expect("a schema");
            let Some(Definition::Type(input)) = document.definitions.last() else {
                panic!("an input type");
            };
            let field = &input.fields[0];
            let default = field.default.as_ref().expect("a default");
            problem(&schema, &field.value_type, default).is_none()
        };
        for long in ["123456789012345678901234567890", "1.10000000000000000001"] {
            assert!(fits("Float", long) && fits("Any", long), "{long}");
            assert!(!fits("Int", long) && !fits("String", long), "{long}");
        }
        assert!(fits("Float", "1.5") && fits("Float", "2"));
        assert!(!fits("Float", "1e999") && !fits("Int", "1.5"));
        assert!(fits("ID", "99999999999999999999") && !fits("ID", "1.5"));
        assert!(!fits("Float", "NAN") && !fits("ID", "one"));
    }
}
