//! What a new public schema takes away from the clients of an old one.

use std::collections::BTreeMap;

use graphql_tools::parser::schema::{
    Definition, Document, InputValue, Type, TypeDefinition, parse_schema,
};

/// The changes that break somebody, one sentence each.
pub(crate) fn breaking(old: &str, new: &str) -> anyhow::Result<Vec<String>> {
    let (old, new) = (
        parse_schema::<String>(old)?.into_static(),
        parse_schema::<String>(new)?.into_static(),
    );
    let (old, new) = (types(&old), types(&new));
    let mut lost = Vec::new();
    for (name, old) in &old {
        match new.get(name) {
            None => lost.push(format!("type {name} is gone")),
            Some(new) => compare(name, old, new, &mut lost),
        }
    }
    Ok(lost)
}

/// A type, as far as clients can depend on it.
#[derive(Default)]
struct Members {
    /// Fields of objects and interfaces: type and arguments.
    fields: BTreeMap<String, (String, BTreeMap<String, Argument>)>,
    /// Values of enums, members of unions.
    values: Vec<String>,
    /// Fields of input objects.
    inputs: BTreeMap<String, Argument>,
}

struct Argument {
    kind: String,
    required: bool,
}

fn compare(name: &str, old: &Members, new: &Members, lost: &mut Vec<String>) {
    for (field, (kind, arguments)) in &old.fields {
        let Some((new_kind, new_arguments)) = new.fields.get(field) else {
            lost.push(format!("{name}.{field} is gone"));
            continue;
        };
        // An answer may promise more: `T` may become `T!`.
        if new_kind != kind && new_kind.strip_suffix('!') != Some(kind) {
            lost.push(format!("{name}.{field} was {kind} and is {new_kind}"));
        }
        compare_inputs(&format!("{name}.{field}"), arguments, new_arguments, lost);
    }
    for value in &old.values {
        if !new.values.contains(value) {
            lost.push(format!("{name}.{value} is gone"));
        }
    }
    compare_inputs(name, &old.inputs, &new.inputs, lost);
}

fn compare_inputs(
    name: &str,
    old: &BTreeMap<String, Argument>,
    new: &BTreeMap<String, Argument>,
    lost: &mut Vec<String>,
) {
    for (input, argument) in old {
        match new.get(input) {
            None => lost.push(format!("{name}({input}) is gone")),
            // A question may ask for less: `T!` may become `T`.
            Some(now)
                if now.kind != argument.kind
                    && argument.kind.strip_suffix('!') != Some(&now.kind) =>
            {
                lost.push(format!(
                    "{name}({input}) was {} and is {}",
                    argument.kind, now.kind
                ));
            }
            Some(_) => {}
        }
    }
    for (input, argument) in new {
        if argument.required && !old.contains_key(input) {
            lost.push(format!("{name}({input}) is new and required"));
        }
    }
}

fn types(document: &Document<'static, String>) -> BTreeMap<String, Members> {
    let definitions = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::TypeDefinition(definition) => Some(definition),
            _ => None,
        });
    definitions.map(members).collect()
}

fn members(definition: &TypeDefinition<'static, String>) -> (String, Members) {
    let mut members = Members::default();
    let (name, fields) = match definition {
        TypeDefinition::Object(object) => (&object.name, object.fields.as_slice()),
        TypeDefinition::Interface(interface) => (&interface.name, interface.fields.as_slice()),
        TypeDefinition::Enum(kind) => {
            members.values = kind.values.iter().map(|value| value.name.clone()).collect();
            (&kind.name, [].as_slice())
        }
        TypeDefinition::Union(union) => {
            members.values.clone_from(&union.types);
            (&union.name, [].as_slice())
        }
        TypeDefinition::InputObject(input) => {
            members.inputs = arguments(&input.fields);
            (&input.name, [].as_slice())
        }
        TypeDefinition::Scalar(scalar) => (&scalar.name, [].as_slice()),
    };
    for field in fields {
        let shape = (field.field_type.to_string(), arguments(&field.arguments));
        members.fields.insert(field.name.clone(), shape);
    }
    (name.clone(), members)
}

fn arguments(inputs: &[InputValue<'static, String>]) -> BTreeMap<String, Argument> {
    inputs
        .iter()
        .map(|input| {
            let required =
                matches!(input.value_type, Type::NonNullType(_)) && input.default_value.is_none();
            let kind = input.value_type.to_string();
            (input.name.clone(), Argument { kind, required })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str =
        "type Query { a(x: Int!, y: Int): Int b: [String!] } enum E { P Q } input I { n: Int! }";

    #[test]
    fn what_only_adds_or_promises_more_breaks_nobody() {
        let new = "type Query { a(x: Int, y: Int, z: Int): Int! b: [String!] c: E } enum E { P Q R } input I { n: Int m: Int }";
        assert_eq!(breaking(OLD, new).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn every_loss_is_told() {
        let new =
            "type Query { a(x: Int!, z: Int!): Int } enum E { P } input I { n: String! m: Int! }";
        assert_eq!(
            breaking(OLD, new).unwrap(),
            [
                "E.Q is gone",
                "I(n) was Int! and is String!",
                "I(m) is new and required",
                "Query.a(y) is gone",
                "Query.a(z) is new and required",
                "Query.b is gone",
            ]
        );
    }
}
