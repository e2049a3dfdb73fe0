//! GraphQL types as JSON Schema 2020-12. Enums and input objects are written once, in `$defs`.

use graphql_tools::static_graphql::query::Type;
use graphql_tools::static_graphql::schema::{Directive, InputValue, TypeDefinition};
use serde_json::{Map, Value, json};

use crate::prepare::literal;
use crate::supergraph::Schema;

/// The schema of an object.
pub(super) fn object(properties: Map<String, Value>, required: Vec<Value>) -> Map<String, Value> {
    let mut schema = Map::from_iter([
        ("type".to_owned(), "object".into()),
        ("properties".to_owned(), properties.into()),
    ]);
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

/// The types that a schema refers to.
pub(super) struct Definitions<'s> {
    schema: &'s Schema,
    written: Map<String, Value>,
}

impl<'s> Definitions<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            written: Map::new(),
        }
    }

    /// Adds the types that the schema refers to.
    pub(super) fn close(self, mut schema: Map<String, Value>) -> Map<String, Value> {
        if !self.written.is_empty() {
            schema.insert("$defs".to_owned(), self.written.into());
        }
        schema
    }

    /// An input type.
    pub(super) fn input(&mut self, of: &Type) -> Map<String, Value> {
        self.wrapped(of, &mut |definitions, name| definitions.named(name, true))
    }

    /// A scalar or enum, or one with lists and non-nulls around it, in a result.
    pub(super) fn leaf(&mut self, of: &Type) -> Map<String, Value> {
        self.wrapped(of, &mut |definitions, name| definitions.named(name, false))
    }

    /// The schema of a named type with the lists and non-nulls of this one.
    pub(super) fn wrapped(
        &mut self,
        of: &Type,
        named: &mut dyn FnMut(&mut Self, &str) -> Map<String, Value>,
    ) -> Map<String, Value> {
        match of {
            Type::NonNullType(inner) => self.non_null(inner, named),
            nullable => or_null(self.non_null(nullable, named)),
        }
    }

    fn non_null(
        &mut self,
        of: &Type,
        named: &mut dyn FnMut(&mut Self, &str) -> Map<String, Value>,
    ) -> Map<String, Value> {
        match of {
            Type::NonNullType(inner) => self.non_null(inner, named),
            Type::NamedType(name) => named(self, name),
            Type::ListType(items) => {
                let items = self.wrapped(items, named);
                typed("array", [("items", items.into())])
            }
        }
    }

    fn named(&mut self, name: &str, is_input: bool) -> Map<String, Value> {
        match (name, self.schema.types.get(name)) {
            ("Int", _) => typed("integer", []),
            ("Float", _) => typed("number", []),
            ("Boolean", _) => typed("boolean", []),
            ("String" | "ID", _) => typed("string", []),
            (_, Some(TypeDefinition::Enum(_) | TypeDefinition::InputObject(_))) => {
                self.define(name);
                let reference = format!("#/$defs/{name}");
                Map::from_iter([("$ref".to_owned(), reference.into())])
            }
            // Any JSON. Whoever writes one should know at least its name.
            _ if is_input => Map::from_iter([("title".to_owned(), name.into())]),
            _ => Map::new(),
        }
    }

    fn define(&mut self, name: &str) {
        if self.written.contains_key(name) {
            return;
        }
        // An input object may contain itself.
        self.written.insert(name.to_owned(), Value::Null);
        let schema = self.schema;
        let definition = match schema.types.get(name) {
            Some(TypeDefinition::Enum(definition)) => {
                let names = definition.values.iter().map(|value| value.name.as_str());
                let values = names.collect::<Vec<_>>().into();
                let mut written = typed("string", [("enum", values)]);
                describe(&mut written, definition.description.as_deref());
                written
            }
            Some(TypeDefinition::InputObject(definition)) => {
                let is_one_of = definition.directives.iter().any(is_named("oneOf"));
                let mut written = self.input_object(&definition.fields, is_one_of);
                describe(&mut written, definition.description.as_deref());
                written
            }
            _ => Map::new(),
        };
        self.written.insert(name.to_owned(), definition.into());
    }

    fn input_object(&mut self, fields: &[InputValue], is_one_of: bool) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in fields {
            let mut property = match &field.value_type {
                // The field of a one-of object that is there is not null.
                nullable if is_one_of => self.input(&Type::NonNullType(Box::new(nullable.clone()))),
                any => self.input(any),
            };
            describe(&mut property, field.description.as_deref());
            let default = field.default_value.as_ref();
            if let Some(default) = default.and_then(|default| literal(default, None)) {
                property.insert("default".to_owned(), default);
            } else if matches!(field.value_type, Type::NonNullType(_)) {
                required.push(Value::from(field.name.as_str()));
            }
            if field.directives.iter().any(is_named("deprecated")) {
                property.insert("deprecated".to_owned(), json!(true));
            }
            properties.insert(field.name.clone(), property.into());
        }
        let mut written = object(properties, required);
        if is_one_of {
            written.insert("minProperties".to_owned(), json!(1));
            written.insert("maxProperties".to_owned(), json!(1));
        }
        written.insert("additionalProperties".to_owned(), json!(false));
        written
    }
}

fn is_named(name: &'static str) -> impl Fn(&Directive) -> bool {
    move |directive| directive.name == name
}

fn describe(schema: &mut Map<String, Value>, description: Option<&str>) {
    let description = description.map(str::trim).filter(|text| !text.is_empty());
    if let Some(description) = description {
        schema.insert("description".to_owned(), description.into());
    }
}

fn typed<const N: usize>(name: &str, others: [(&str, Value); N]) -> Map<String, Value> {
    let others = others.map(|(key, value)| (key.to_owned(), value));
    [("type".to_owned(), name.into())]
        .into_iter()
        .chain(others)
        .collect()
}

/// Also allows null.
fn or_null(mut schema: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::String(name)) = schema.get("type") {
        let names = json!([name, "null"]);
        schema.insert("type".to_owned(), names);
    } else if schema.contains_key("$ref") || schema.contains_key("anyOf") {
        let either = json!([schema, { "type": "null" }]);
        return Map::from_iter([("anyOf".to_owned(), either)]);
    }
    schema
}
