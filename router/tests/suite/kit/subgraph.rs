//! A subgraph whose answers are JSON: a small executor picks from it what a query selects.

use std::collections::HashMap;
use std::sync::Mutex;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};
use graphql_tools::static_graphql::schema::{Definition, Document, Type, TypeDefinition};
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::validate;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

/// The header every subgraph's SDL starts with.
pub(crate) const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@external", "@requires", "@provides", "@shareable", "@override", "@inaccessible", "@interfaceObject", "@authenticated", "@requiresScopes"])
"#;

type Resolver = Box<dyn Fn(&Value) -> Value + Send + Sync>;

/// SDL, and closures that give JSON for root fields (of their arguments) and for entities (of their
/// representations).
pub(crate) struct Subgraph {
    pub name: String,
    pub sdl: String,
    document: Document,
    roots: HashMap<String, Resolver>,
    entities: HashMap<String, Resolver>,
    events: Vec<Value>,
    /// While true, requests wait.
    gate: Option<watch::Receiver<bool>>,
    pub requests: Mutex<Vec<(String, Value)>>,
}

/// A field that fails: null in the data, and an error with this message and extensions.
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

    /// What its subscriptions emit, each a value of the root field.
    pub(crate) fn emits(mut self, events: impl IntoIterator<Item = Value>) -> Self {
        self.events = events.into_iter().collect();
        self
    }

    /// Requests wait while the gate says so.
    pub(crate) fn behind(mut self, gate: watch::Receiver<bool>) -> Self {
        self.gate = Some(gate);
        self
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
        let recorded = (names.join(" "), variables.clone());
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

    fn field_type(&self, parent: &str, field: &str) -> Option<&str> {
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

    /// Subgraphs validate what they are asked.
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

    /// A representation has every field of one of the keys that its type can be entered by.
    fn assert_key(&self, type_name: &str, representation: &Value) {
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

    fn applies(&self, condition: &str, type_name: &str) -> bool {
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

struct Run<'a> {
    subgraph: &'a Subgraph,
    document: &'a ExecutableDocument,
    variables: &'a Value,
    event: Option<Value>,
    errors: Vec<Value>,
}

impl<'a> Run<'a> {
    fn new(subgraph: &'a Subgraph, document: &'a ExecutableDocument, variables: &'a Value) -> Self {
        Self {
            subgraph,
            document,
            variables,
            event: None,
            errors: Vec::new(),
        }
    }

    fn select(
        &mut self,
        set: &SelectionSet,
        type_name: &str,
        parent: Option<&Value>,
        path: &mut Vec<Value>,
    ) -> Value {
        let mut out = Map::new();
        self.select_into(set, type_name, parent, path, &mut out);
        Value::Object(out)
    }

    fn select_into(
        &mut self,
        set: &SelectionSet,
        type_name: &str,
        parent: Option<&Value>,
        path: &mut Vec<Value>,
        out: &mut Map<String, Value>,
    ) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    if !self.included(&field.directives) {
                        continue;
                    }
                    let key = field.response_key().node.to_string();
                    path.push(json!(key));
                    let value = self.field(field, type_name, parent, path);
                    path.pop();
                    match (out.get_mut(&key), value) {
                        (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                        (_, value) => {
                            out.insert(key, value);
                        }
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map(|on| on.node.on.node.as_str());
                    if self.included(&fragment.node.directives)
                        && condition.is_none_or(|on| self.subgraph.applies(on, type_name))
                    {
                        self.select_into(
                            &fragment.node.selection_set.node,
                            type_name,
                            parent,
                            path,
                            out,
                        );
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.document.fragments[&spread.node.fragment_name.node].node;
                    if self.included(&spread.node.directives)
                        && self
                            .subgraph
                            .applies(&fragment.type_condition.node.on.node, type_name)
                    {
                        self.select_into(
                            &fragment.selection_set.node,
                            type_name,
                            parent,
                            path,
                            out,
                        );
                    }
                }
            }
        }
    }

    fn included(&self, directives: &[Positioned<async_graphql::parser::types::Directive>]) -> bool {
        directives.iter().all(|directive| {
            let argument = directive
                .node
                .get_argument("if")
                .expect("a condition")
                .node
                .clone();
            let flag = argument
                .into_const_with(|name| self.variable(name))
                .expect("a value");
            (flag == async_graphql::Value::Boolean(true)) == (directive.node.name.node == "include")
        })
    }

    fn variable(&self, name: Name) -> Result<async_graphql::Value, ()> {
        Ok(async_graphql::Value::from_json(self.variables[name.as_str()].clone()).expect("JSON"))
    }

    fn field(
        &mut self,
        field: &Field,
        type_name: &str,
        parent: Option<&Value>,
        path: &mut Vec<Value>,
    ) -> Value {
        let name = field.name.node.as_str();
        if name == "__typename" {
            return json!(type_name);
        }
        let arguments: Map<String, Value> = field
            .arguments
            .iter()
            .map(|(name, value)| {
                let value = value
                    .node
                    .clone()
                    .into_const_with(|name| self.variable(name))
                    .expect("a value");
                (name.node.to_string(), value.into_json().expect("JSON"))
            })
            .collect();
        let set = &field.selection_set.node;
        if name == "_entities" && parent.is_none() {
            let representations = arguments["representations"]
                .as_array()
                .cloned()
                .expect("representations");
            let entities = representations
                .iter()
                .enumerate()
                .map(|(index, representation)| {
                    let name = representation["__typename"].as_str().expect("a typename");
                    self.subgraph.assert_key(name, representation);
                    let entity = self
                        .subgraph
                        .entities
                        .get(name)
                        .map(|resolve| resolve(representation))
                        .unwrap_or_default();
                    path.push(json!(index));
                    let entity = self.complete(&entity, name, set, path);
                    path.pop();
                    entity
                });
            return Value::Array(entities.collect());
        }
        let value = match (parent, &self.event) {
            (Some(parent), _) => {
                // A field with arguments may have a value for each: `price(currency: "EUR")`.
                let with = format!("{name}{}", Value::Object(arguments));
                parent
                    .get(&with)
                    .or_else(|| parent.get(name))
                    .cloned()
                    .unwrap_or_default()
            }
            (None, Some(event)) => event.clone(),
            (None, None) => {
                let resolve = self
                    .subgraph
                    .roots
                    .get(name)
                    .unwrap_or_else(|| panic!("no root field {name}"));
                resolve(&Value::Object(arguments))
            }
        };
        let inner = self
            .subgraph
            .field_type(type_name, name)
            .unwrap_or_else(|| panic!("{} has no field {type_name}.{name}", self.subgraph.name))
            .to_owned();
        self.complete(&value, &inner, set, path)
    }

    fn complete(
        &mut self,
        value: &Value,
        type_name: &str,
        set: &SelectionSet,
        path: &mut Vec<Value>,
    ) -> Value {
        match value {
            Value::Array(items) if !set.items.is_empty() => Value::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| {
                        path.push(json!(index));
                        let item = self.complete(item, type_name, set, path);
                        path.pop();
                        item
                    })
                    .collect(),
            ),
            Value::Object(fields) if fields.contains_key("$error") => {
                let mut error = fields["$error"].clone();
                error["path"] = json!(path);
                self.errors.push(error);
                Value::Null
            }
            Value::Object(fields) if !set.items.is_empty() => {
                let type_name = fields
                    .get("__typename")
                    .and_then(Value::as_str)
                    .unwrap_or(type_name);
                self.select(set, type_name, Some(value), path)
            }
            value => value.clone(),
        }
    }
}
