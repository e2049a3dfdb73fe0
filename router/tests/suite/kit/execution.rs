//! A small executor that resolves a query's selections from a subgraph's JSON.

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use serde_json::{Map, Value, json};

use super::subgraph::Subgraph;

pub(super) struct Run<'a> {
    subgraph: &'a Subgraph,
    document: &'a ExecutableDocument,
    variables: &'a Value,
    pub(super) event: Option<Value>,
    pub(super) errors: Vec<Value>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        subgraph: &'a Subgraph,
        document: &'a ExecutableDocument,
        variables: &'a Value,
    ) -> Self {
        Self {
            subgraph,
            document,
            variables,
            event: None,
            errors: Vec::new(),
        }
    }

    pub(super) fn select(
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
                // A field with arguments may have a separate value for each: `price(currency: "EUR")`.
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
