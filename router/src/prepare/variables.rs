//! Coerces variables by the API schema, as specified.

use std::fmt;

use graphql_tools::static_graphql::query::{Document, Type, Value as Literal, VariableDefinition};
use graphql_tools::static_graphql::schema::TypeDefinition;
use serde_json::{Map, Number, Value};

use super::document::operation;
use super::limits::{Exceeded, at_most};
use super::numbers;
use crate::error::{ErrorCode, GraphQLError};
use crate::supergraph::Schema;
use crate::value::number;

/// Values by variable name, with defaults filled in; variables that were not given are absent.
pub(crate) type Variables = Map<String, Value>;

/// Counts the values before any is coerced or copied.
pub(super) fn measure(given: &Map<String, Value>, allowed: usize) -> Result<(), Exceeded> {
    fn add(count: &mut usize, value: &Value, allowed: usize) -> Result<(), Exceeded> {
        *count += 1;
        at_most("variable_values", *count, allowed)?;
        match value {
            // The JSON decoder has bounded the nesting.
            Value::Array(items) => items.iter().try_for_each(|item| add(count, item, allowed)),
            Value::Object(fields) => fields
                .values()
                .try_for_each(|field| add(count, field, allowed)),
            _ => Ok(()),
        }
    }
    let mut count = 0;
    given
        .values()
        .try_for_each(|value| add(&mut count, value, allowed))
}

/// Coerces a request's variables.
///
/// # Errors
/// One `BAD_USER_INPUT` for each invalid variable, with the path inside it.
pub(super) fn coerce(
    document: &Document,
    mut given: Map<String, Value>,
    schema: &Schema,
) -> Result<Variables, Vec<GraphQLError>> {
    let definitions =
        operation(document).map_or(&[][..], |operation| operation.variable_definitions());
    // Exact capacity: subscriptions keep this map, and a growing one would reserve room for four.
    let mut variables = Map::with_capacity(definitions.len());
    let mut errors = Vec::new();
    for definition in definitions {
        let name = &definition.name;
        match given.remove(name) {
            Some(value) => match coerce_value(value, &definition.var_type, schema, &mut Vec::new())
            {
                Ok(value) => {
                    variables.insert(name.clone(), value);
                }
                Err(reason) => errors.push(wrong(
                    definition,
                    format!("Variable \"${name}\" got invalid value{reason}"),
                )),
            },
            None => match (&definition.default_value, &definition.var_type) {
                (Some(default), _) => {
                    if let Some(value) = literal(default, None) {
                        variables.insert(name.clone(), value);
                    }
                }
                (None, Type::NonNullType(_)) => errors.push(wrong(
                    definition,
                    format!(
                        "Variable \"${name}\" of required type \"{}\" was not provided.",
                        definition.var_type
                    ),
                )),
                (None, _) => {}
            },
        }
    }
    if errors.is_empty() {
        Ok(variables)
    } else {
        Err(errors)
    }
}

/// The variables that have a default.
pub(super) fn defaults(document: &Document) -> Variables {
    let definitions =
        operation(document).map_or(&[][..], |operation| operation.variable_definitions());
    let defaults = definitions.iter().filter_map(|definition| {
        let default = definition.default_value.as_ref()?;
        Some((definition.name.clone(), literal(default, None)?))
    });
    defaults.collect()
}

fn wrong(definition: &VariableDefinition, message: String) -> GraphQLError {
    GraphQLError::new(ErrorCode::BadUserInput, message)
        .located(definition.position.line, definition.position.column)
}

/// A literal as JSON; `None` for a variable that was not given.
pub(crate) fn literal(literal_value: &Literal, variables: Option<&Variables>) -> Option<Value> {
    Some(match literal_value {
        Literal::Variable(name) => variables?.get(name)?.clone(),
        Literal::Int(number) => Value::from(number.as_i64()),
        Literal::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Literal::String(text) => Value::String(text.clone()),
        Literal::Boolean(flag) => Value::Bool(*flag),
        Literal::Null => Value::Null,
        Literal::Enum(name) => match numbers::digits(name) {
            Some(digits) => number::to_json(digits),
            None => Value::String(name.clone()),
        },
        Literal::List(items) => Value::Array(
            items
                .iter()
                .map(|item| literal(item, variables).unwrap_or(Value::Null))
                .collect(),
        ),
        Literal::Object(fields) => Value::Object(
            fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), literal(value, variables)?)))
                .collect(),
        ),
    })
}

/// A step into a value, formatted only for errors.
enum Step<'s> {
    Item(usize),
    Key(&'s str),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(index) => write!(f, "[{index}]"),
            Self::Key(key) => write!(f, ".{key}"),
        }
    }
}

/// On failure, where inside the value and why, in the form ` at "$.x": Expected …`.
fn coerce_value<'s>(
    value: Value,
    ty: &Type,
    schema: &'s Schema,
    path: &mut Vec<Step<'s>>,
) -> Result<Value, String> {
    match (ty, value) {
        (Type::NonNullType(_), Value::Null) => Err(at(
            path,
            &format!("Expected non-nullable type \"{ty}\" not to be null."),
        )),
        (Type::NonNullType(inner), value) => coerce_value(value, inner, schema, path),
        (_, Value::Null) => Ok(Value::Null),
        (Type::ListType(inner), Value::Array(items)) => {
            let mut coerced = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                path.push(Step::Item(index));
                coerced.push(coerce_value(item, inner, schema, path)?);
                path.pop();
            }
            Ok(Value::Array(coerced))
        }
        (Type::ListType(inner), single) => Ok(Value::Array(vec![coerce_value(
            single, inner, schema, path,
        )?])),
        (Type::NamedType(name), value) => coerce_named(value, name, schema, path),
    }
}

fn coerce_named<'s>(
    value: Value,
    name: &str,
    schema: &'s Schema,
    path: &mut Vec<Step<'s>>,
) -> Result<Value, String> {
    if let Some(digits) = number::digits(&value) {
        return match name {
            "Float" => number::finite(digits)
                .and_then(Number::from_f64)
                .map(Value::Number)
                .ok_or_else(|| at(path, "Float cannot represent this number.")),
            "ID" if number::is_integer(digits) => Ok(Value::String(digits.to_owned())),
            "ID" => Err(at(path, "ID cannot represent a fraction.")),
            _ => match schema.types.get(name) {
                Some(TypeDefinition::Scalar(_)) if !is_built_in(name) => Ok(value),
                _ => Err(at(path, &format!("{name} cannot represent this number."))),
            },
        };
    }
    let fits = match (name, &value) {
        ("Int", Value::Number(number)) => {
            as_integer(number).is_some_and(|n| i32::try_from(n).is_ok())
        }
        ("Float", Value::Number(_)) | ("String", Value::String(_)) | ("ID", Value::String(_)) => {
            true
        }
        ("ID", Value::Number(number)) => {
            return as_integer(number)
                .map(|number| Value::String(number.to_string()))
                .ok_or_else(|| at(path, "ID cannot represent a fraction."));
        }
        ("Boolean", Value::Bool(_)) => true,
        ("Int" | "Float" | "String" | "ID" | "Boolean", _) => false,
        _ => match schema.types.get(name) {
            Some(TypeDefinition::Enum(known)) => match &value {
                Value::String(text) => {
                    if !known.values.iter().any(|value| value.name == *text) {
                        let reason = format!("Value \"{text}\" does not exist in \"{name}\" enum.");
                        return Err(at(path, &reason));
                    }
                    true
                }
                _ => {
                    let reason = format!("Enum \"{name}\" cannot represent non-string value.");
                    return Err(at(path, &reason));
                }
            },
            Some(TypeDefinition::InputObject(_)) => {
                return coerce_object(value, name, schema, path);
            }
            // A custom scalar is validated by its subgraph.
            _ => true,
        },
    };
    if !fits {
        return Err(at(
            path,
            &format!("{name} cannot represent {}.", describe(&value)),
        ));
    }
    match (name, &value) {
        ("Int", Value::Number(number)) => Ok(as_integer(number).map_or(value, Value::from)),
        _ => Ok(value),
    }
}

fn coerce_object<'s>(
    value: Value,
    name: &str,
    schema: &'s Schema,
    path: &mut Vec<Step<'s>>,
) -> Result<Value, String> {
    let Some(TypeDefinition::InputObject(known)) = schema.types.get(name) else {
        return Ok(value);
    };
    let Value::Object(mut given) = value else {
        return Err(at(
            path,
            &format!("Expected type \"{name}\" to be an object."),
        ));
    };
    let mut coerced = Map::new();
    for field in &known.fields {
        match given.remove(&field.name) {
            Some(value) => {
                path.push(Step::Key(&field.name));
                coerced.insert(
                    field.name.clone(),
                    coerce_value(value, &field.value_type, schema, path)?,
                );
                path.pop();
            }
            None => {
                if matches!(field.value_type, Type::NonNullType(_)) && field.default_value.is_none()
                {
                    let reason = format!(
                        "Field \"{}\" of required type \"{}\" was not provided.",
                        field.name, field.value_type
                    );
                    return Err(at(path, &reason));
                }
            }
        }
    }
    if let Some(unknown) = given.keys().next() {
        let reason = format!("Field \"{unknown}\" is not defined by type \"{name}\".");
        return Err(at(path, &reason));
    }
    let one_of = known
        .directives
        .iter()
        .any(|directive| directive.name == "oneOf");
    if one_of && (coerced.len() != 1 || coerced.values().any(Value::is_null)) {
        let reason = format!("Exactly one key must be specified for OneOf type \"{name}\".");
        return Err(at(path, &reason));
    }
    Ok(Value::Object(coerced))
}

fn is_built_in(scalar: &str) -> bool {
    matches!(scalar, "Int" | "Float" | "String" | "Boolean" | "ID")
}

/// JSON has one kind of number: `1.0` is as whole as `1`.
fn as_integer(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean value",
        Value::Number(_) => "this number",
        Value::String(_) => "a string value",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn at(path: &[Step<'_>], reason: &str) -> String {
    if path.is_empty() {
        return format!("; {reason}");
    }
    let path: String = path.iter().map(ToString::to_string).collect();
    format!(" at \"{}\"; {reason}", path.trim_start_matches('.'))
}
