//! Any JSON value at any argument is the client's mistake or none, and never ours.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::StreamExt;
use futures::stream;
use graphql_tools::parser::schema::{Definition, Type, TypeDefinition};
use graphql_tools::static_graphql::schema::{self, Field, InputValue};
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use crate::kit::{Graph, layouts};

/// In the place of the value that is tried.
const TRIED: &str = "@tried@";

/// Requests at a time.
const CONCURRENCY: usize = 8;

/// How far a field may be from the root.
const MAX_DEPTH: usize = 4;

/// Values that some type or some database has no room for, as JSON.
fn odd_values() -> Vec<String> {
    let texts = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b",
        "🎧",
        "\u{feff}",
        "\u{202e}",
        "'; --",
        "%",
        "\\",
        "NaN",
        "-1",
        "1e309",
        "0x10",
        "2025-13-45",
        "2025-02-30T25:00:00Z",
        "+10000-01-01T00:00:00Z",
        "-262144-01-01T00:00:00Z",
        "99:99",
        "24:00",
        "ord_01h455vb4pex5vsknk084sn02q",
        "prod_",
        "_",
        "79228162514264337593543950336",
        "0.00000000000000000000000000001",
    ];
    let long = [
        "x".repeat(300),
        "y".repeat(5_000),
        "é ".repeat(40_000),
        "9".repeat(400),
    ];
    let plain = [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5",
        "1e2",
        "2147483648",
        "-2147483649",
        "9007199254740993",
        "9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "90071992547409.93",
        "1.79e308",
        "1e309",
        "-1e400",
        "1e-400",
        "0.1000000000000000055511151231257827",
        "[]",
        "[null]",
        "[true]",
        "[\"5\"]",
        "[[1]]",
        "[[[]]]",
        "{}",
        "{\"a\":1}",
        "{\"$digits\":\"1\"}",
        "{\"\":{\"\":[]}}",
    ];
    let texts = texts.into_iter().map(str::to_owned).chain(long);
    texts
        .map(|text| Value::String(text).to_string())
        .chain(plain.map(str::to_owned))
        .collect()
}

/// A JSON value of any form.
fn random_value(random: &mut ChaCha8Rng, depth: usize) -> Value {
    match random.random_range(0..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>() >> random.random_range(0..63)),
        3 => json!(f64::from_bits(random.random())),
        4 => {
            let length = random.random_range(0..12);
            json!(
                (0..length)
                    .map(|_| random.random::<char>())
                    .collect::<String>()
            )
        }
        5 => (0..random.random_range(0..4))
            .map(|_| random_value(random, depth - 1))
            .collect(),
        _ => {
            let names = ["id", "sku", "input", "min", "$digits", ""];
            let fields = (0..random.random_range(0..4)).map(|_| {
                let name = names.choose(random).copied().unwrap_or_default();
                (name.to_owned(), random_value(random, depth - 1))
            });
            Value::Object(fields.collect::<Vec<_>>().into_iter().collect())
        }
    }
}

struct Api {
    types: BTreeMap<String, TypeDefinition<'static, String>>,
    /// Values that exist, by the names of arguments and fields.
    known: BTreeMap<&'static str, Value>,
}

/// A field with arguments, and the way to it.
struct ArgumentPath {
    operation: &'static str,
    /// The document around the field's own text.
    before: String,
    after: String,
    field: Field,
}

fn inner<'t>(ty: &'t Type<'static, String>) -> &'t str {
    match ty {
        Type::NamedType(name) => name,
        Type::ListType(inner_type) | Type::NonNullType(inner_type) => inner(inner_type),
    }
}

impl Api {
    fn new(known: BTreeMap<&'static str, Value>) -> Self {
        let document = include_str!("../../schema/api.graphql");
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
    fn argument_paths(&self) -> Vec<ArgumentPath> {
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
    fn variables(&self, arguments: &[InputValue]) -> Vec<Map<String, Value>> {
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
    fn bodies(&self, api: &Api, variables: &Map<String, Value>, value: &str) -> Vec<String> {
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

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_any_argument_is_an_internal_error() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[], &[]).await;
        let token = graph.demo_token().await;
        let mine = "{ me { id orders(first: 1) { nodes { id items { id product { id } } } } } }";
        let mine = graph.query(Some(&token), mine, json!({})).await;
        let order = &mine["data"]["me"]["orders"]["nodes"][0];
        let known = BTreeMap::from([
            ("customerId", mine["data"]["me"]["id"].clone()),
            ("id", order["id"].clone()),
            ("orderId", order["id"].clone()),
            ("orderItemId", order["items"][0]["id"].clone()),
            ("productId", order["items"][0]["product"]["id"].clone()),
        ]);
        assert!(known.values().all(Value::is_string), "{mine}");
        decimals_are_exact(&graph).await;
        let api = Api::new(known);
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let odd = odd_values();
        let mut bodies = Vec::new();
        for place in api.argument_paths() {
            for variables in api.variables(&place.field.arguments) {
                let drawn: Vec<String> = (0..6)
                    .map(|_| random_value(&mut random, 2).to_string())
                    .collect();
                for value in odd.iter().chain(&drawn) {
                    bodies.extend(place.bodies(&api, &variables, value));
                }
            }
        }
        assert!(bodies.len() > 2_000, "{}", bodies.len());
        let (graph_ref, token_ref) = (&graph, token.as_str());
        let wrong: Vec<String> = stream::iter(bodies)
            .map(|body| async move {
                let answer = graph_ref.post(token_ref, &body).await;
                let internal = answer["errors"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|error| {
                        let code = error["extensions"]["code"].as_str();
                        code.is_none_or(|code| code.contains("INTERNAL"))
                    });
                internal.map(|error| {
                    format!(
                        "{} answers {error}",
                        body.chars().take(600).collect::<String>()
                    )
                })
            })
            .buffer_unordered(CONCURRENCY)
            .filter_map(std::future::ready)
            .collect()
            .await;
        assert!(
            wrong.is_empty(),
            "{layout:?}: {} such as\n{}",
            wrong.len(),
            wrong
                .iter()
                .take(20)
                .cloned()
                .collect::<Vec<_>>()
                .join("\n")
        );
        graph.stop().await;
    }
}

/// As literals and in variables, whichever way the subgraph is reached.
async fn decimals_are_exact(graph: &Graph) {
    let convert = "convert(to: EUR, amountUsd: ";
    for (number, amount) in [
        ("90071992547409.93", json!("90071992547409.93")),
        ("12345678901234.56", json!("12345678901234.56")),
        ("9007199254740993", json!("9007199254740993.00")),
        ("19.99", json!("19.99")),
        ("\"19.99\"", json!("19.99")),
        // More than there is money for.
        ("9223372036854775808", Value::Null),
        ("1.79e308", Value::Null),
        ("true", Value::Null),
        ("[\"5\"]", Value::Null),
    ] {
        let selection = "{ usd { amount } }";
        let literal = json!({ "query": format!("{{ {convert}{number}) {selection} }}") });
        let query = format!("query($a: Decimal!) {{ {convert}$a) {selection} }}");
        let variable = format!(
            "{{\"query\":{},\"variables\":{{\"a\":{number}}}}}",
            json!(query)
        );
        for body in [literal.to_string(), variable] {
            let answer = graph.post("", &body).await;
            assert_eq!(
                answer["data"]["convert"]["usd"]["amount"], amount,
                "{body}: {answer}"
            );
            if amount.is_null() {
                assert_eq!(
                    answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
                    "{answer}"
                );
            }
        }
    }
}
