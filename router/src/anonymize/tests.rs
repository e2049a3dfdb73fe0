//! Anonymizing and planning commute: the plan of an anonymized operation is the anonymized plan of the operation, for all
//! supergraphs in the repository.

use std::path::{Path, PathBuf};
use std::time::Duration;

use graphql_tools::static_graphql::schema::{Field, Type, TypeDefinition};
use hive_router_planner::graph::PlannerOverrideContext;
use serde_json::Value as Json;

use super::Anonymizer;
use crate::prepare::{self, plan_document};
use crate::supergraph::{Supergraph, named_type};

const SALT: &str = "a salt for tests";
const PATIENCE: Duration = Duration::from_secs(60);

/// The maximum depth of an operation, and the maximum number of fields per object.
const DEPTH: usize = 4;
const FIELDS: usize = 12;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Supergraphs by file name: the project's own, and the planner's examples.
fn supergraphs() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = [
        "schema",
        "benches/peer",
        "router/tests/suite/fixtures",
        "vendor/hive-router-planner/fixture",
    ]
    .iter()
    .map(|folder| root().join(folder))
    .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path
                .extension()
                .is_none_or(|extension| extension != "graphql")
            {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a text");
            if text.contains("join__Graph") {
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// An operation with all fields that have no required arguments.
struct Everything<'s> {
    supergraph: &'s Supergraph,
}

impl Everything<'_> {
    fn operation(&self) -> Option<String> {
        let selections = self.selections(&self.supergraph.schema.query, DEPTH, "")?;
        Some(format!(
            "query Everything($yes: Boolean! = true) {selections}"
        ))
    }

    fn selections(&self, name: &str, depth: usize, prefix: &str) -> Option<String> {
        let definition = self.supergraph.schema.types.get(name)?;
        let fields = match definition {
            TypeDefinition::Object(object) => &object.fields[..],
            TypeDefinition::Interface(interface) => &interface.fields[..],
            _ => &[],
        };
        let mut selected: Vec<_> = fields
            .iter()
            .filter(|field| !field.name.starts_with("__"))
            .filter_map(|field| self.field(field, depth, prefix))
            .take(FIELDS)
            .collect();
        if let Some(first) = selected.first_mut() {
            // Conditional selections are planned separately.
            *first = first.replacen(" @@ ", " @include(if: $yes) ", 1);
        }
        if !matches!(definition, TypeDefinition::Object(_)) && depth > 0 {
            for object in self.supergraph.types.possible(name).take(3) {
                // Fields of different types must not have the same response key.
                let prefix = format!("{prefix}{object}_");
                if let Some(inner) = self.selections(object, depth - 1, &prefix) {
                    selected.push(format!("... on {object} {inner}"));
                }
            }
        }
        if selected.is_empty() {
            selected.push("__typename".to_owned());
        }
        let selected = selected.join(" ").replace(" @@ ", " ");
        Some(format!("{{ {selected} }}"))
    }

    fn field(&self, field: &Field, depth: usize, prefix: &str) -> Option<String> {
        let arguments: Option<Vec<_>> = field
            .arguments
            .iter()
            .filter(|argument| {
                matches!(argument.value_type, Type::NonNullType(_))
                    && argument.default_value.is_none()
            })
            .map(|argument| {
                let value = self.literal(&argument.value_type)?;
                Some(format!("{}: {value}", argument.name))
            })
            .collect();
        let arguments = match &arguments?[..] {
            [] => String::new(),
            arguments => format!("({})", arguments.join(", ")),
        };
        let inner = named_type(&field.field_type);
        let is_leaf = matches!(
            self.supergraph.schema.types.get(inner),
            None | Some(TypeDefinition::Scalar(_) | TypeDefinition::Enum(_))
        );
        let selections = match is_leaf {
            true => String::new(),
            false if depth == 0 => return None,
            false => self.selections(inner, depth - 1, "")?,
        };
        let alias = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}{}: ", field.name),
        };
        Some(format!("{alias}{}{arguments} @@ {selections}", field.name))
    }

    fn literal(&self, value_type: &Type) -> Option<String> {
        match value_type {
            Type::NonNullType(inner) => self.literal(inner),
            Type::ListType(inner) => Some(format!("[{}]", self.literal(inner)?)),
            Type::NamedType(name) => match (&**name, self.supergraph.schema.types.get(name)) {
                ("Int", _) => Some("7".to_owned()),
                ("Float", _) => Some("1.25".to_owned()),
                ("String" | "ID", _) => Some("\"a word\"".to_owned()),
                ("Boolean", _) => Some("true".to_owned()),
                (_, Some(TypeDefinition::Enum(definition))) => {
                    definition.values.first().map(|value| value.name.clone())
                }
                _ => None,
            },
        }
    }
}

/// The plan, or the error.
fn plan(supergraph: &Supergraph, operation: &str) -> Result<Json, String> {
    let document = prepare::parse(operation).expect(operation).document;
    let overrides = || PlannerOverrideContext::from_percentage(0.0);
    match plan_document(&document, supergraph, overrides, PATIENCE) {
        Ok(plan) => Ok(serde_json::to_value(&plan).expect("JSON")),
        Err(failure) => Err(format!("{failure:?}")),
    }
}

/// The plan with replaced names.
fn renamed(plan: Json, anonymizer: &mut Anonymizer) -> Json {
    match plan {
        Json::String(text) => Json::String(renamed_text(&text, anonymizer)),
        Json::Array(items) => {
            let items = items.into_iter();
            items.map(|item| renamed(item, anonymizer)).collect()
        }
        Json::Object(members) => members
            .into_iter()
            .map(|(key, value)| match key.as_str() {
                "kind" | "operationKind" => (key, value),
                "serviceName" => {
                    let name = value.as_str().expect("a name");
                    (key, anonymizer.names.of(name).into())
                }
                // Sorted by field name.
                "children" => {
                    let Json::Object(children) = value else {
                        panic!("{value}")
                    };
                    let children = children.into_iter();
                    let children = children.map(|(name, child)| {
                        let name = renamed_text(&name, anonymizer);
                        (name, renamed(child, anonymizer))
                    });
                    (key, children.collect())
                }
                _ => (key, renamed(value, anonymizer)),
            })
            .collect(),
        other => other,
    }
}

/// Replaces each word that is a name of the schema or the operation, each number and each string.
fn renamed_text(text: &str, anonymizer: &mut Anonymizer) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut before = "";
    // `on` follows its name.
    let mut is_fragment = false;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if let Some(inner) = rest.strip_prefix('"') {
            let (inner, after) = inner.split_once('"').expect("a string");
            out.push_str(&format!("\"{}\"", anonymizer.literals.text(inner)));
            rest = after;
            continue;
        }
        if !is_word(first) {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let is_number = first.is_ascii_digit();
        let end = rest
            .find(|c| !(is_word(c) || is_number && c == '.'))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let is_keyword = match word {
            "query" | "mutation" => out.is_empty(),
            "fragment" => out.ends_with('\n'),
            _ => false,
        };
        // A condition, or a fragment named by the planner.
        let is_of_fragment = out.ends_with("...") || before == "fragment" || is_fragment;
        is_fragment = before == "fragment";
        // The planner's own names.
        let is_planners = !anonymizer.names.of(word).contains('_');
        out.push_str(&match word {
            number if is_number => anonymizer.literals.number_of(number),
            _ if is_of_fragment || is_keyword || is_planners => word.to_owned(),
            "include" | "skip" if out.ends_with('@') => word.to_owned(),
            "if" if out.ends_with("@include(") || out.ends_with("@skip(") => word.to_owned(),
            "true" | "false" | "null" | "_entities" | "_Any" => word.to_owned(),
            _ => anonymizer.names.of(word),
        });
        before = word;
        rest = &rest[end..];
    }
    out
}

/// Both texts, from where they differ.
fn difference<'t>(one: &'t str, other: &'t str) -> (&'t str, &'t str) {
    let alike = std::iter::zip(one.bytes(), other.bytes()).take_while(|(a, b)| a == b);
    let start = alike.count().saturating_sub(60);
    let part = |text: &'t str| &text[start..text.len().min(start + 300)];
    (part(one), part(other))
}

#[test]
fn the_plan_of_an_anonymized_operation_is_the_anonymized_plan() {
    let (mut planned, mut unplanned, mut differing) = (0, Vec::new(), Vec::new());
    for (path, text) in supergraphs() {
        let shown = path
            .strip_prefix(root())
            .expect("below the root")
            .display()
            .to_string();
        let Ok(supergraph) = Supergraph::new(text.clone()) else {
            unplanned.push(shown);
            continue;
        };
        let mut anonymizer = Anonymizer::new(&text, SALT).expect(&shown);
        let other = Supergraph::new(anonymizer.supergraph().to_owned())
            .unwrap_or_else(|error| panic!("{shown}: {error}\n{}", anonymizer.supergraph()));
        let everything = Everything {
            supergraph: &supergraph,
        };
        let operation = everything.operation().expect("a query");
        let other_operation = anonymizer.operation(&operation).expect(&shown);
        let expected =
            plan(&supergraph, &operation).map(|plan| renamed(plan, &mut anonymizer).to_string());
        let found = plan(&other, &other_operation).map(|plan| plan.to_string());
        match (&expected, &found) {
            (Ok(expected), Ok(found)) => {
                planned += 1;
                if expected != found {
                    let (expected, found) = difference(expected, found);
                    differing.push(format!("{shown}\n{expected}\n{found}"));
                }
            }
            (Err(_), Err(_)) => unplanned.push(shown),
            _ => differing.push(format!("{shown}: {expected:?}, {found:?}")),
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
    assert!(planned > 80, "{planned}; not planned: {unplanned:?}");
}

#[test]
fn nothing_of_the_words_is_left() {
    let supergraph = std::fs::read_to_string(root().join("schema/supergraph.graphql"));
    let mut anonymizer = Anonymizer::new(&supergraph.expect("a text"), SALT).expect("a supergraph");
    let operation = r#"
        # Who is it?
        query Account($first: Int = 31) {
          me { name mine: orders(first: $first, status: [SHIPPED]) { nodes { ...Order } } }
          product(id: "prd_1") { title }
          __type(name: "Order") { name fields { name } }
        }
        fragment Order on Order { id total { amount } }
    "#;
    let operation = anonymizer.operation(operation).expect("an operation");
    let schema = anonymizer.supergraph();
    for word in [
        "rder", "roduct", "SHIPPED", "prd_1", "= 31", "mine", "Who", "\"\"\"", "http://l",
    ] {
        assert!(!operation.contains(word), "{word}: {operation}");
        let found = schema.lines().find(|line| line.contains(word));
        assert!(found.is_none(), "{word}: {found:?}");
    }
    for word in ["__type(name: \"n", "fields {", "query x"] {
        assert!(operation.contains(word), "{word}: {operation}");
    }
    for word in [
        "@join__type(graph: n",
        "key: \"n",
        "scalar join__FieldSet",
        "type Query",
    ] {
        assert!(schema.contains(word), "{word}");
    }
}

#[test]
fn a_salt_gives_the_same_names_and_another_one_others() {
    let text = std::fs::read_to_string(root().join("benches/peer/supergraph.graphql"));
    let text = text.expect("a text");
    let of = |salt: &str| {
        let anonymizer = Anonymizer::new(&text, salt).expect("a supergraph");
        anonymizer.supergraph().to_owned()
    };
    assert_eq!(of(SALT), of(SALT));
    assert_ne!(of(SALT), of("another"));
}

#[test]
fn other_directives_and_links_are_renamed_and_federations_stay_under_any_name() {
    let text = r#"
        schema
          @link(url: "https://specs.apollo.dev/link/v1.0")
          @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)
          @link(url: "https://specs.apollo.dev/inaccessible/v0.2", as: "hidden", for: SECURITY)
          @link(url: "https://acme.example.com/secretSpec/v1.2", import: ["@audited"])
        { query: Query }
        directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
        directive @hidden on FIELD_DEFINITION
        directive @audited(owner: String = "Team Blue", level: Int) on FIELD_DEFINITION
        directive @join__graph(name: String!, url: String!) on ENUM_VALUE
        directive @join__type(graph: join__Graph!, key: join__FieldSet) repeatable on OBJECT
        scalar join__FieldSet
        scalar link__Import
        enum link__Purpose { SECURITY EXECUTION }
        enum join__Graph { SHOP @join__graph(name: "shop", url: "http://shop.acme.example.com/graphql") }
        type Query @join__type(graph: SHOP) {
          item(size: Float = 1.50, word: String = "blue"): Item @audited(owner: "Team Red", level: 3)
          secret: Int @hidden @deprecated(reason: "told too much")
        }
        type Item @join__type(graph: SHOP, key: "id maker { name }") { id: ID! maker: Maker }
        type Maker @join__type(graph: SHOP) { name: String }
    "#;
    let anonymizer = Anonymizer::new(text, SALT).expect("a supergraph");
    let schema = anonymizer.supergraph();
    for word in [
        "acme", "secret", "audited", "Team", "owner", "shop", "SHOP", "blue", "1.5", "told",
    ] {
        assert!(!schema.contains(word), "{word}: {schema}");
    }
    for word in [
        "as: \"hidden\"",
        "@hidden",
        "link__Purpose",
        "reason: \"s_",
        "/v1.2\"",
        ".invalid/graphql",
    ] {
        assert!(schema.contains(word), "{word}: {schema}");
    }
    let supergraph = Supergraph::new(schema.to_owned()).expect("a supergraph");
    let query = &supergraph.schema.types["Query"];
    let TypeDefinition::Object(query) = query else {
        panic!("{query:?}")
    };
    let fields = query
        .fields
        .iter()
        .filter(|field| !field.name.starts_with("__"));
    assert_eq!(fields.count(), 1, "the hidden one is hidden");
}

#[test]
fn what_is_no_graphql_is_refused() {
    let check = |supergraph: &str, words: &str| {
        let error = Anonymizer::new(supergraph, SALT)
            .expect_err(supergraph)
            .to_string();
        assert!(error.contains(words), "{error}");
    };
    check("type {", "not valid SDL");
    check("type A { a: Int } type A { a: Int }", "only one type named");
    check(
        "type A @join__type(key: \"a {\") { a: Int }",
        "`a {` is not a selection",
    );
    let mut anonymizer = Anonymizer::new("type Query { a: Int }", SALT).expect("a schema");
    let error = anonymizer
        .operation("{ a")
        .expect_err("no document")
        .to_string();
    assert!(error.contains("line 1"), "{error}");
}
