//! Random documents: each is rejected with a reason or executed, without panics and without sending invalid requests to
//! subgraphs.

use std::cell::Cell;
use std::fmt::Write;

use graphql_tools::static_graphql::schema::{Definition, Document, Type, TypeDefinition};
use proptest::prelude::*;
use router::{ErrorCode, GraphQLRequest, RequestContext};
use serde_json::{Value, json};

use crate::planner::library;

/// The remaining random bytes from which a document is generated.
struct Tape<'t> {
    bytes: std::slice::Iter<'t, u8>,
    schema: &'t Document,
    variables: usize,
}

impl Tape<'_> {
    /// A number below `below`; always 0 at the end of the tape, so that documents end.
    fn pick(&mut self, below: usize) -> usize {
        let byte = self.bytes.next().copied().unwrap_or_default();
        usize::from(byte) % below.max(1)
    }

    fn operation(&mut self) -> (String, Value) {
        let root = if self.pick(8) == 7 {
            "Mutation"
        } else {
            "Query"
        };
        let mut selections = String::new();
        self.selections(root, 0, &mut selections);
        let mut variables = json!({});
        let mut header = String::new();
        for n in 0..self.variables {
            variables[format!("v{n}")] = json!(self.pick(2) == 1);
            let _ = write!(header, "$v{n}: Boolean!, ");
        }
        let header = if header.is_empty() {
            header
        } else {
            format!("({header})")
        };
        (
            format!("{} Q{header} {selections}", root.to_lowercase()),
            variables,
        )
    }

    fn selections(&mut self, type_name: &str, depth: usize, out: &mut String) {
        out.push_str("{ ");
        for _ in 0..=self.pick(4) {
            match self.pick(5) {
                0 => out.push_str("__typename "),
                1 if depth < 8 => self.fragment(type_name, depth, out),
                _ => self.field(type_name, depth, out),
            }
        }
        out.push('}');
    }

    fn fragment(&mut self, type_name: &str, depth: usize, out: &mut String) {
        let related = self.related(type_name);
        let condition = related[self.pick(related.len())].clone();
        let _ = write!(out, "... on {condition} ");
        self.condition(out);
        self.selections(&condition, depth + 1, out);
    }

    /// The type itself, its members and its interfaces or unions; occasionally any other type.
    fn related(&mut self, type_name: &str) -> Vec<String> {
        let any = self.pick(16) == 15;
        let mut related = vec![type_name.to_owned()];
        for definition in definitions(self.schema) {
            let members = match definition {
                TypeDefinition::Object(object) => &object.implements_interfaces,
                TypeDefinition::Union(union) => &union.types,
                TypeDefinition::Interface(_) => &vec![],
                _ => continue,
            };
            if definition.name() == type_name {
                related.extend(members.iter().cloned());
            } else if any || members.iter().any(|name| name == type_name) {
                related.push(definition.name().to_owned());
            }
        }
        related
    }

    fn condition(&mut self, out: &mut String) {
        let name = match self.pick(6) {
            4 => "skip",
            5 => "include",
            _ => return,
        };
        let _ = write!(out, "@{name}(if: $v{}) ", self.variables);
        self.variables += 1;
    }

    fn field(&mut self, type_name: &str, depth: usize, out: &mut String) {
        let fields = match definitions(self.schema).find(|known| known.name() == type_name) {
            Some(TypeDefinition::Object(object)) => &object.fields[..],
            Some(TypeDefinition::Interface(interface)) => &interface.fields[..],
            _ => &[],
        };
        let Some(field) = fields.get(self.pick(fields.len())) else {
            return out.push_str("__typename ");
        };
        let inner = named(&field.field_type);
        let composite = definitions(self.schema).any(|known| known.name() == inner);
        if composite && depth >= 8 {
            return out.push_str("__typename ");
        }
        let alias = ["", "", "x: ", "id: "][self.pick(4)];
        let _ = write!(out, "{alias}{} ", field.name);
        self.condition(out);
        if composite {
            self.selections(inner, depth + 1, out);
        }
    }
}

fn definitions(schema: &Document) -> impl Iterator<Item = &TypeDefinition> {
    schema
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::TypeDefinition(definition) => Some(definition),
            _ => None,
        })
}

fn named(ty: &Type) -> &str {
    match ty {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => named(inner),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn cases(cases: u32) -> proptest::test_runner::TestRunner {
    proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    })
}

#[test]
fn any_operation_is_refused_for_a_reason_or_runs() {
    let runtime = runtime();
    let graph = runtime.block_on(library());
    let schema = graphql_tools::parser::parse_schema::<String>(graph.http.api_sdl())
        .expect("a schema")
        .into_static();
    let ran = Cell::new(0);
    let tapes = proptest::collection::vec(any::<u8>(), 0..200);
    let result = cases(400).run(&tapes, |bytes| {
        let mut tape = Tape {
            bytes: bytes.iter(),
            schema: &schema,
            variables: 0,
        };
        let (query, variables) = tape.operation();
        let request = GraphQLRequest::new(query.as_str()).with_variables(variables);
        let answer = runtime.block_on(graph.http.execute(request, RequestContext::default()));
        for error in &answer.errors {
            let mistakes = [ErrorCode::GraphQLValidationFailed, ErrorCode::BadUserInput];
            let refused = answer.data.is_none() && mistakes.contains(&error.code());
            // A null from the generated subgraphs at a non-null position.
            let null = error.message.starts_with("Cannot return null");
            prop_assert!(refused || null, "{query}: {error:?}");
        }
        ran.set(ran.get() + usize::from(answer.data.is_some()));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(ran.get() > 100, "{} ran", ran.get());
}

#[test]
fn any_text_is_refused_for_a_reason_or_prepared() {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "!",
        "=",
        "|",
        "...",
        "... on Book",
        "...F",
        "@",
        "@include(if: true)",
        "@skip(if: $v)",
        "@defer",
        "$v",
        "$v: Boolean!",
        "query",
        "mutation",
        "subscription",
        "fragment F on Book",
        "fragment",
        "on",
        "books",
        "cheapest",
        "latest",
        "work",
        "featured",
        "shelves",
        "addBook",
        "query",
        "id",
        "x: id",
        "label",
        "stock",
        "__typename",
        "__schema",
        "__type(name: \"Book\")",
        "_entities",
        "_service",
        "kind",
        "fields",
        "null",
        "true",
        "1",
        "-",
        "1e400",
        "99999999999999999999",
        "\"",
        "\"\"\"",
        "\"\\u{110000}\"",
        "#",
        "\u{feff}",
        "\u{0}",
        "å",
        "type Query { a: Int }",
        "input",
    ];
    let runtime = runtime();
    let graph = runtime.block_on(library());
    let texts = proptest::collection::vec(proptest::sample::select(WORDS), 0..60);
    let result = cases(2_000).run(&texts, |words| {
        let text = words.join(" ");
        let request = GraphQLRequest::new(text.as_str());
        if let Err(refusal) = runtime.block_on(graph.local.prepare(&request)) {
            let code = refusal.errors[0].code();
            let known = [
                ErrorCode::GraphQLParseFailed,
                ErrorCode::GraphQLValidationFailed,
                ErrorCode::OperationResolutionFailure,
                ErrorCode::BadUserInput,
                ErrorCode::OperationTooComplex,
            ];
            prop_assert!(known.contains(&code), "{text}: {:?}", refusal.errors);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
