//! "Did you mean": suggests schema names close to an unknown one. In development only: in production it would reveal
//! the schema name by name.

use graphql_tools::static_graphql::schema::TypeDefinition;
use graphql_tools::validation::utils::ValidationError;

use crate::supergraph::Schema;

/// Maximum number of suggestions.
const MAX_SUGGESTIONS: usize = 5;

/// The suggestion to append to an error message in development.
pub(super) fn suggestion(error: &ValidationError, schema: &Schema) -> Option<String> {
    let mut quoted = error.message.split('"').skip(1).step_by(2);
    let (unknown, owner) = (quoted.next()?, quoted.next());
    let known = known(error, owner, schema);
    let names = closest(unknown.trim_start_matches('@'), known);
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let list = match quoted.as_slice() {
        [] => return None,
        [only] => only.clone(),
        [first, second] => format!("{first} or {second}"),
        [most @ .., last] => format!("{}, or {last}", most.join(", ")),
    };
    Some(format!(" Did you mean {list}?"))
}

/// An error message without the suggestion that the library added.
pub(super) fn without(message: &str) -> &str {
    message
        .split_once(" Did you mean")
        .map_or(message, |(plain, _)| plain)
}

/// The names that the unknown one may stand for.
fn known<'s>(error: &ValidationError, owner: Option<&str>, schema: &'s Schema) -> Vec<&'s str> {
    let message = &error.message;
    let owner_type = owner.and_then(|owner| schema.types.get(owner));
    match (error.error_code, owner_type) {
        ("FieldsOnCorrectType", Some(TypeDefinition::Object(object))) => {
            names(object.fields.iter().map(|field| &field.name))
        }
        ("FieldsOnCorrectType", Some(TypeDefinition::Interface(interface))) => {
            names(interface.fields.iter().map(|field| &field.name))
        }
        ("KnownArgumentNames", _) => {
            let Some(owner) = owner else {
                return Vec::new();
            };
            let arguments = match (owner.strip_prefix('@'), owner.split_once('.')) {
                (Some(directive), _) => {
                    let mut directives = schema.directives.iter();
                    directives
                        .find(|known| known.name == directive)
                        .map(|directive| &directive.arguments)
                }
                (None, Some((ty, field))) => schema.field(ty, field).map(|field| &field.arguments),
                (None, None) => None,
            };
            names(arguments.into_iter().flatten().map(|known| &known.name))
        }
        ("KnownTypeNames", _) => names(schema.types.keys()),
        ("KnownDirectives", _) if message.starts_with("Unknown directive") => {
            names(schema.directives.iter().map(|known| &known.name))
        }
        ("ValuesOfCorrectType", Some(TypeDefinition::Enum(known))) => {
            names(known.values.iter().map(|value| &value.name))
        }
        ("ValuesOfCorrectType", Some(TypeDefinition::InputObject(known)))
            if message.contains("is not defined by type") =>
        {
            names(known.fields.iter().map(|field| &field.name))
        }
        _ => Vec::new(),
    }
}

fn names<'s>(names: impl Iterator<Item = &'s String>) -> Vec<&'s str> {
    names
        .map(String::as_str)
        .filter(|name| !name.starts_with("__"))
        .collect()
}

/// Names within a few changed letters, the closest first.
fn closest<'s>(unknown: &str, known: Vec<&'s str>) -> Vec<&'s str> {
    let most = unknown.chars().count() * 2 / 5 + 1;
    let lower = unknown.to_lowercase();
    let mut close: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| {
            let distance = if name.to_lowercase() == lower {
                1
            } else {
                strsim::osa_distance(&lower, &name.to_lowercase())
            };
            (distance, name)
        })
        .filter(|(distance, _)| *distance <= most)
        .collect();
    close.sort_unstable();
    close.dedup();
    close.truncate(MAX_SUGGESTIONS);
    close.into_iter().map(|(_, name)| name).collect()
}
