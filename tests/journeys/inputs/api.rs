//! The arguments of the public schema: how to reach each, and examples of what it takes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use graphql_tools::parser::schema::{Definition, Type, TypeDefinition};
use graphql_tools::static_graphql::schema::{self, Field, InputValue};
use serde_json::{Map, Value, json};

/// In the place of the value that is tried.
const TRIED: &str = "@tried@";

/// How far a field may be from the root.
const MAX_DEPTH: usize = 4;

pub(super) struct Api {
    types: BTreeMap<String, TypeDefinition<'static, String>>,
    /// Values that exist, by the names of arguments and fields.
    known: BTreeMap<&'static str, Value>,
}

/// A field with arguments, and the way to it.
pub(super) struct ArgumentPath {
    operation: &'static str,
    /// The document around the field's own text.
    before: String,
    after: String,
    pub(super) field: Field,
}

fn inner<'t>(ty: &'t Type<'static, String>) -> &'t str {
    match ty {
        Type::NamedType(name) => name,
        Type::ListType(inner_type) | Type::NonNullType(inner_type) => inner(inner_type),
    }
}

impl Api {
    pub(super) fn new(known: BTreeMap<&'static str, Value>) -> Self {
        let document = include_str!("../../../schema/api.graphql");
        let document = graphql_tools::parser::parse_schema::<String>(document).unwrap();
        let types = document
            .into_static()
            .definitions
            .into_iter()
            .filter_map(|definition| {
                let Definition::TypeDefinition(definition) = definition else {
                    return None;
                };
                Some((definition.name().to_owned(), definition))
            });
        Self {
            types: types.collect(),
            known,
        }
    }

    fn fields(&self, name: &str) -> &[Field] {
        match self.types.get(name) {
            Some(TypeDefinition::Object(object)) => &object.fields,
            _ => &[],
        }
    }

    /// A value that fits.
    fn example(&self, name: &str, ty: &Type<'static, String>) -> Value {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        match ty {
            Type::NonNullType(inner_type) => self.example(name, inner_type),
            Type::ListType(inner_type) => json!([self.example(name, inner_type)]),
            Type::NamedType(type_name) => match self.types.get(type_name) {
                Some(TypeDefinition::Enum(known)) => json!(known.values[0].name),
                Some(TypeDefinition::InputObject(known)) => {
                    let fields = known.fields.iter();
                    let fields = fields.map(|field| {
                        (
                            field.name.clone(),
                            self.example(&field.name, &field.value_type),
                        )
                    });
                    Value::Object(fields.collect())
                }
                _ => match type_name.as_str() {
                    "Int" | "Float" => json!(1),
                    "Boolean" => json!(true),
                    "Decimal" => json!("1.50"),
                    "DateTime" => json!("2026-01-01T00:00:00.000Z"),
                    "LocalTime" => json!("22:00"),
                    _ => json!("text"),
                },
            },
        }
    }

    fn examples(&self, arguments: &[InputValue]) -> Map<String, Value> {
        let examples = arguments.iter();
        examples
            .map(|argument| {
                (
                    argument.name.clone(),
                    self.example(&argument.name, &argument.value_type),
                )
            })
            .collect()
    }

    /// Every field with arguments that can be reached from the roots.
    pub(super) fn argument_paths(&self) -> Vec<ArgumentPath> {
        let mut places = Vec::new();
        for (operation, root) in [("query", "Query"), ("mutation", "Mutation")] {
            let mut seen = BTreeSet::from([root.to_owned()]);
            let mut next = VecDeque::from([(root.to_owned(), String::new(), String::new(), 0)]);
            while let Some((type_name, before, after, depth)) = next.pop_front() {
                for field in self.fields(&type_name) {
                    if !field.arguments.is_empty() {
                        places.push(ArgumentPath {
                            operation,
                            before: before.clone(),
                            after: after.clone(),
                            field: field.clone(),
                        });
                    }
                    let reached = inner(&field.field_type);
                    let leads_on = operation == "query"
                        && depth < MAX_DEPTH
                        && !self.fields(reached).is_empty();
                    if leads_on && seen.insert(reached.to_owned()) {
                        let required: Vec<InputValue> = field
                            .arguments
                            .iter()
                            .filter(|argument| matches!(argument.value_type, Type::NonNullType(_)))
                            .cloned()
                            .collect();
                        let arguments: Vec<String> = self
                            .examples(&required)
                            .into_iter()
                            .map(|(name, value)| format!("{name}: {value}"))
                            .collect();
                        let arguments = match arguments.join(", ") {
                            none if none.is_empty() => none,
                            some => format!("({some})"),
                        };
                        let before = format!("{before}{}{arguments} {{ ", field.name);
                        next.push_back((
                            reached.to_owned(),
                            before,
                            format!(" }}{after}"),
                            depth + 1,
                        ));
                    }
                }
            }
        }
        places
    }

    /// The arguments of a field with the tried value at each place of them.
    pub(super) fn variables(&self, arguments: &[InputValue]) -> Vec<Map<String, Value>> {
        let examples = self.examples(arguments);
        let mut all = Vec::new();
        for argument in arguments {
            for tried in self.tried(&argument.value_type, &examples[&argument.name]) {
                let mut variables = examples.clone();
                variables.insert(argument.name.clone(), tried);
                all.push(variables);
            }
        }
        all
    }

    fn tried(&self, ty: &Type<'static, String>, example: &Value) -> Vec<Value> {
        let mut all = vec![json!(TRIED)];
        if let (Some(TypeDefinition::InputObject(known)), Value::Object(fields)) =
            (self.types.get(inner(ty)), example)
        {
            for field in &known.fields {
                for tried in self.tried(&field.value_type, &fields[&field.name]) {
                    let mut fields = fields.clone();
                    fields.insert(field.name.clone(), tried);
                    all.push(Value::Object(fields));
                }
            }
        } else if let Value::Array(items) = example {
            let items_type = schema::Type::NamedType(inner(ty).to_owned());
            all.extend(
                self.tried(&items_type, &items[0])
                    .into_iter()
                    .map(|item| json!([item])),
            );
        }
        all
    }
}

impl ArgumentPath {
    /// The body of a request with variables, and one with a literal if the value can be one.
    pub(super) fn bodies(
        &self,
        api: &Api,
        variables: &Map<String, Value>,
        value: &str,
    ) -> Vec<String> {
        let composite = !api.fields(inner(&self.field.field_type)).is_empty()
            || matches!(
                api.types.get(inner(&self.field.field_type)),
                Some(TypeDefinition::Interface(_) | TypeDefinition::Union(_))
            );
        let selection = if composite { " { __typename }" } else { "" };
        let document = |definitions: &str, arguments: &str| {
            let Self {
                operation,
                before,
                after,
                field,
            } = self;
            format!(
                "{operation}{definitions} {{ {before}{}({arguments}){selection}{after} }}",
                field.name
            )
        };
        let tried = json!(TRIED).to_string();
        let arguments = self.field.arguments.iter();
        let definitions: Vec<String> = arguments
            .clone()
            .map(|argument| format!("${}: {}", argument.name, argument.value_type))
            .collect();
        let passed: Vec<String> = arguments
            .map(|argument| format!("{0}: ${0}", argument.name))
            .collect();
        let query = document(&format!("({})", definitions.join(", ")), &passed.join(", "));
        let body = json!({ "query": query, "variables": variables }).to_string();
        let mut bodies = vec![body.replace(&tried, value)];
        // Objects have no quotes around their keys in GraphQL, and there is no need for all kinds of both.
        let flat = variables
            .values()
            .all(|value| !value.is_object() && !value.is_array());
        if flat && !value.contains('{') {
            let literals: Vec<String> = variables
                .iter()
                .map(|(name, given)| {
                    let enumerated = api.types.get(inner(
                        &self
                            .field
                            .arguments
                            .iter()
                            .find(|argument| argument.name == *name)
                            .unwrap()
                            .value_type,
                    ));
                    match given.as_str() {
                        Some(word)
                            if word != TRIED
                                && matches!(enumerated, Some(TypeDefinition::Enum(_))) =>
                        {
                            format!("{name}: {word}")
                        }
                        _ => format!("{name}: {}", given.to_string().replace(&tried, value)),
                    }
                })
                .collect();
            bodies.push(json!({ "query": document("", &literals.join(", ")) }).to_string());
        }
        bodies
    }
}
