//! Registered operations as tools for agents: names, descriptions, and JSON Schemas of arguments and results. Knows nothing
//! about the protocol that offers them.

mod json_schema;
mod output;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::query::{OperationDefinition, Type, VariableDefinition};
use platform::caller::Caller;
use serde_json::{Map, Value, json};

use self::json_schema::{Definitions, object};
use self::output::{Output, Use};
use crate::Router;
use crate::clients::{Clients, RegisteredOperation};
use crate::error::ErrorCode;
use crate::prepare::{ParsedDocument, literal, operation, parse};
use crate::supergraph::{Requirement, Supergraph};

/// The tools of every client that offers its operations to agents.
#[derive(Debug, Default)]
pub struct Tools(HashMap<String, Arc<ClientTools>>);

/// A client's tools, by name.
#[derive(Debug, Default)]
pub struct ClientTools(Vec<Arc<Tool>>);

/// A registered operation as a tool.
#[derive(Debug)]
pub struct Tool {
    /// The operation's name.
    pub name: String,
    /// The operation's own description, or its root fields'.
    pub description: String,
    /// JSON Schema 2020-12 of its variables.
    pub input_schema: Arc<Map<String, Value>>,
    /// JSON Schema 2020-12 of its data.
    pub output_schema: Arc<Map<String, Value>>,
    pub operation: Arc<RegisteredOperation>,
    /// What its root fields require of the caller.
    root: Vec<Requirement>,
    /// What any of its fields requires.
    requirements: Vec<Requirement>,
}

impl Tools {
    /// The tools of these clients, whose operations must be valid against the router's schema.
    pub(crate) fn of(clients: &Clients, router: &Router) -> Self {
        let supergraph = router.supergraph();
        let of_client = |tools: &Vec<Arc<RegisteredOperation>>| {
            let mut tools: Vec<_> = tools
                .iter()
                .filter_map(|operation| Tool::new(operation, supergraph).map(Arc::new))
                .collect();
            tools.sort_by(|one, other| one.name.cmp(&other.name));
            Arc::new(ClientTools(tools))
        };
        let offering = clients
            .iter()
            .filter_map(|client| Some((client.name.clone(), of_client(client.tools.as_ref()?))));
        Self(offering.collect())
    }

    /// The tools of a client; `None` if it offers none.
    pub fn of_client(&self, name: &str) -> Option<&Arc<ClientTools>> {
        self.0.get(name)
    }

    /// The scopes that some tool requires.
    pub fn scopes(&self) -> BTreeSet<&str> {
        let tools = self.0.values().flat_map(|tools| &tools.0);
        tools.flat_map(|tool| tool.scopes()).collect()
    }
}

impl ClientTools {
    pub fn find(&self, name: &str) -> Option<&Arc<Tool>> {
        let found = self.0.binary_search_by(|tool| (*tool.name).cmp(name));
        self.0.get(found.ok()?)
    }

    /// The tools whose names come after this one, or all.
    pub fn after(&self, name: Option<&str>) -> &[Arc<Tool>] {
        let first = name.map_or(0, |name| {
            self.0.partition_point(|tool| tool.name.as_str() <= name)
        });
        self.0.get(first..).unwrap_or_default()
    }
}

impl Tool {
    fn new(operation: &Arc<RegisteredOperation>, supergraph: &Supergraph) -> Option<Self> {
        let parsed = parse(&operation.document).ok()?;
        let definition = self::operation(&parsed.document)?;
        let (position, variables) = header(definition);
        let mut output = Output::new(supergraph, &parsed.document);
        let output_schema = output.data(definition);
        let described = position.and_then(|position| parsed.description(position));
        let description = described.unwrap_or(&output.description);
        let access = &supergraph.access;
        let requirement = |id: &usize| access.requirement(*id).cloned();
        Some(Self {
            name: operation.name.clone(),
            description: match description {
                "" => operation.name.clone(),
                text => text.to_owned(),
            },
            input_schema: Arc::new(input(variables, &parsed, &output.uses, supergraph)),
            output_schema: Arc::new(output_schema),
            root: output.root.iter().filter_map(requirement).collect(),
            requirements: output.requirements.iter().filter_map(requirement).collect(),
            operation: operation.clone(),
        })
    }

    /// The names of its variables.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        let properties = self.input_schema.get("properties");
        let properties = properties.and_then(Value::as_object);
        properties
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
    }

    /// The scopes that some of its fields require.
    pub fn scopes(&self) -> BTreeSet<&str> {
        let requirements = self.requirements.iter();
        requirements.flat_map(Requirement::scope_names).collect()
    }

    /// Why this caller can get nothing of it: one of its root fields is denied.
    pub fn denial(&self, caller: &Caller) -> Option<ErrorCode> {
        self.root
            .iter()
            .find_map(|required| required.denial(caller))
    }
}

/// An operation's position and variables; an operation without a keyword has neither.
fn header(definition: &OperationDefinition) -> (Option<Pos>, &[VariableDefinition]) {
    match definition {
        OperationDefinition::SelectionSet(_) => (None, &[]),
        OperationDefinition::Query(it) => (Some(it.position), &it.variable_definitions),
        OperationDefinition::Mutation(it) => (Some(it.position), &it.variable_definitions),
        OperationDefinition::Subscription(it) => (Some(it.position), &it.variable_definitions),
    }
}

/// The schema of an operation's variables. A variable without a description or default has those of the argument that it is
/// given to.
fn input(
    variables: &[VariableDefinition],
    parsed: &ParsedDocument,
    uses: &HashMap<String, Use>,
    supergraph: &Supergraph,
) -> Map<String, Value> {
    let mut definitions = Definitions::new(&supergraph.schema);
    let mut properties = Map::new();
    let mut required = Vec::new();
    for variable in variables {
        let used = uses.get(&variable.name);
        let mut property = definitions.input(&variable.var_type);
        let own = parsed.description(variable.position);
        let description = own.or(used.and_then(|used| used.description.as_deref()));
        let own = variable.default_value.as_ref();
        let default = own.map(|default| literal(default, None));
        let default = default.unwrap_or_else(|| used?.default.clone());
        if let Some(description) = description {
            property.insert("description".to_owned(), description.trim().into());
        }
        if matches!(variable.var_type, Type::NonNullType(_)) && default.is_none() {
            required.push(Value::from(variable.name.as_str()));
        }
        if let Some(default) = default {
            property.insert("default".to_owned(), default);
        }
        properties.insert(variable.name.clone(), property.into());
    }
    let mut schema = object(properties, required);
    schema.insert("additionalProperties".to_owned(), json!(false));
    definitions.close(schema)
}
