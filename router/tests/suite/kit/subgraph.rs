//! A subgraph whose responses are JSON; a small executor resolves the selections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use graphql_tools::static_graphql::schema::{Definition, Document, Type, TypeDefinition};
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::validate;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::execution::Run;

/// The header of every subgraph's SDL.
pub(crate) const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@external", "@requires", "@provides", "@shareable", "@override", "@inaccessible", "@interfaceObject", "@authenticated", "@requiresScopes"])
"#;

/// Requests to several subgraphs in order: subgraph and root fields when a request arrives, and again when it is
/// answered.
pub(crate) type Journal = Arc<Mutex<Vec<String>>>;

type Resolver = Box<dyn Fn(&Value) -> Value + Send + Sync>;

/// SDL, and closures that return JSON for root fields (by arguments) and entities (by representation).
pub(crate) struct Subgraph {
    pub name: String,
    pub sdl: String,
    document: Document,
    pub(super) roots: HashMap<String, Resolver>,
    pub(super) entities: HashMap<String, Resolver>,
    events: Vec<Value>,
    /// While true, requests block.
    gate: Option<watch::Receiver<bool>>,
    journal: Option<Journal>,
    /// The cache policy of its responses: seconds, and whether they are public.
    pub policy: Option<(u32, bool)>,
    pub requests: Mutex<Vec<(String, Value)>>,
}

/// A failing field: null in the data, and an error with this message and extensions.
pub(crate) fn failure(message: &str, extensions: Value) -> Value {
    json!({ "$error": { "message": message, "extensions": extensions } })
}

impl Subgraph {
    pub(crate) fn new(name: &str, sdl: &str) -> Self {
        Self {
            name: name.to_owned(),
            document: graphql_tools::parser::parse_schema::<String>(sdl)
                .expect("SDL")
                .into_static(),
            sdl: format!("{LINK}{sdl}"),
            roots: HashMap::new(),
            entities: HashMap::new(),
            events: Vec::new(),
            gate: None,
            journal: None,
            policy: None,
            requests: Mutex::default(),
        }
    }

    pub(crate) fn root(mut self, field: &str, value: Value) -> Self {
        self.roots
            .insert(field.to_owned(), Box::new(move |_| value.clone()));
        self
    }

    pub(crate) fn resolve(
        mut self,
        field: &str,
        resolver: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.roots.insert(field.to_owned(), Box::new(resolver));
        self
    }

    pub(crate) fn entity(
        mut self,
        name: &str,
        resolver: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.entities.insert(name.to_owned(), Box::new(resolver));
        self
    }

    /// Subscription events, as values of the root field.
    pub(crate) fn emits(mut self, events: impl IntoIterator<Item = Value>) -> Self {
        self.events = events.into_iter().collect();
        self
    }

    /// Blocks requests while the gate is closed.
    pub(crate) fn behind(mut self, gate: watch::Receiver<bool>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Allows its responses to be stored for so many seconds.
    pub(crate) fn cacheable(mut self, seconds: u32, public: bool) -> Self {
        self.policy = Some((seconds, public));
        self
    }

    /// Records its requests, and yields to others while answering one.
    pub(crate) fn journaled(mut self, journal: &Journal) -> Self {
        self.journal = Some(Arc::clone(journal));
        self
    }

    async fn note(&self, event: &str) {
        if let Some(journal) = &self.journal {
            let entry = format!("{} {event}", self.name);
            journal.lock().unwrap().push(entry);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(crate) async fn answer(&self, document: ExecutableDocument, variables: Value) -> Value {
        if let Some(gate) = &self.gate {
            let _ = gate.clone().wait_for(|closed| !closed).await;
        }
        let mut run = Run::new(self, &document, &variables);
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let root_type = match operation.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let names: Vec<String> = operation
            .node
            .selection_set
            .node
            .items
            .iter()
            .map(|item| match &item.node {
                Selection::Field(field) => field.node.name.node.to_string(),
                _ => "…".to_owned(),
            })
            .collect();
        let names = names.join(" ");
        self.note(&names).await;
        let recorded = (names, variables.clone());
        self.requests.lock().unwrap().push(recorded);
        let data = run.select(
            &operation.node.selection_set.node,
            root_type,
            None,
            &mut Vec::new(),
        );
        let mut answer = json!({ "data": data });
        if !run.errors.is_empty() {
            answer["errors"] = Value::Array(run.errors);
        }
        self.note("answers").await;
        answer
    }

    pub(crate) fn events(&self, document: ExecutableDocument, variables: &Value) -> Vec<Value> {
        let (_, operation) = document.operations.iter().next().expect("an operation");
        self.events
            .iter()
            .map(|event| {
                let mut run = Run::new(self, &document, variables);
                run.event = Some(event.clone());
                let data = run.select(
                    &operation.node.selection_set.node,
                    "Subscription",
                    None,
                    &mut Vec::new(),
                );
                let mut answer = json!({ "data": data });
                if !run.errors.is_empty() {
                    answer["errors"] = Value::Array(run.errors);
                }
                answer
            })
            .collect()
    }

    pub(super) fn field_type(&self, parent: &str, field: &str) -> Option<&str> {
        let definition =
            self.document
                .definitions
                .iter()
                .find_map(|definition| match definition {
                    Definition::TypeDefinition(known) if known.name() == parent => Some(known),
                    _ => None,
                })?;
        fn named(ty: &Type) -> &str {
            match ty {
                Type::NamedType(name) => name,
                Type::ListType(inner) | Type::NonNullType(inner) => named(inner),
            }
        }
        definition
            .field_by_name(field)
            .map(|field| named(&field.field_type))
    }

    /// Subgraphs validate requests.
    pub(crate) fn assert_valid(&self, query: &str) {
        let entities: Vec<&str> = self
            .document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::TypeDefinition(TypeDefinition::Object(object)) => Some(object),
                _ => None,
            })
            .filter(|object| {
                object
                    .directives
                    .iter()
                    .any(|directive| directive.name == "key")
            })
            .map(|object| object.name.as_str())
            .collect();
        let sdl = &self.sdl[LINK.len()..];
        let sdl = format!("{sdl} scalar Int scalar Float scalar String scalar Boolean scalar ID");
        let schema = if entities.is_empty() {
            sdl
        } else {
            let query = "type Query { _entities(representations: [_Any!]!): [_Entity]!";
            let sdl = sdl.replacen("type Query {", query, 1);
            format!("{sdl} scalar _Any union _Entity = {}", entities.join(" | "))
        };
        let schema = graphql_tools::parser::parse_schema::<String>(&schema).expect("SDL");
        let document = graphql_tools::parser::parse_query::<String>(query).expect("a document");
        let errors = validate(
            &schema.into_static(),
            &document.into_static(),
            &default_rules_validation_plan(),
        );
        assert!(errors.is_empty(), "{} got {query}: {errors:?}", self.name);
    }

    /// A representation must contain all fields of one of the type's resolvable keys.
    pub(super) fn assert_key(&self, type_name: &str, representation: &Value) {
        let definitions = self.document.definitions.iter();
        let directives = definitions
            .filter_map(|definition| match definition {
                Definition::TypeDefinition(TypeDefinition::Object(object)) => {
                    Some((&object.name, &object.directives))
                }
                Definition::TypeDefinition(TypeDefinition::Interface(interface)) => {
                    Some((&interface.name, &interface.directives))
                }
                _ => None,
            })
            .filter(|(name, _)| *name == type_name)
            .flat_map(|(_, directives)| directives);
        let mut keys = directives
            .filter(|directive| directive.name == "key")
            .map(|directive| {
                let fields = directive
                    .arguments
                    .iter()
                    .find(|(name, _)| name == "fields");
                match fields.map(|(_, value)| value) {
                    Some(graphql_tools::static_graphql::schema::Value::String(fields)) => fields,
                    _ => panic!("a key without fields"),
                }
            });
        let has = |fields: &String| {
            let query =
                async_graphql::parser::parse_query(format!("{{ {fields} }}")).expect("a key");
            let (_, operation) = query.operations.iter().next().expect("an operation");
            has_fields(representation, &operation.node.selection_set.node)
        };
        assert!(keys.any(has), "no key of {} in {representation}", self.name);
    }

    pub(super) fn applies(&self, condition: &str, type_name: &str) -> bool {
        condition == type_name
            || self
                .document
                .definitions
                .iter()
                .any(|definition| match definition {
                    Definition::TypeDefinition(TypeDefinition::Object(object)) => {
                        object.name == type_name
                            && object
                                .implements_interfaces
                                .iter()
                                .any(|name| name == condition)
                    }
                    Definition::TypeDefinition(TypeDefinition::Union(union)) => {
                        union.name == condition && union.types.iter().any(|name| name == type_name)
                    }
                    _ => false,
                })
    }
}

fn has_fields(value: &Value, set: &SelectionSet) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            let inner = value.get(field.node.name.node.as_str());
            inner.is_some_and(|inner| {
                inner.is_null()
                    || field.node.selection_set.node.items.is_empty()
                    || has_fields(inner, &field.node.selection_set.node)
            })
        }
        _ => true,
    })
}
