//! Everything requests need to know about the supergraph, derived from the subgraphs' schemas.

mod access;
mod compose;
mod cost;
mod features;
mod interface_objects;
mod overrides;
mod required_fields;
mod schema;
mod types;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use graphql_tools::parser::schema::Definition;
use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition};
use graphql_tools::validation::validate::ValidationPlan;
use hive_router_planner::planner::{Planner, QueryPlannerOptions};
use hive_router_planner::state::supergraph_state::SupergraphDefinition;
use platform::panics::catch_now;

pub(crate) use access::{Access, AccessDecision, Requirement, RequirementId};
pub use compose::{Composition, compose, compose_with_hints, omit_authorization};
pub(crate) use cost::{Costs, ListSize, is_list};
pub(crate) use features::FederationNames;
pub(crate) use required_fields::RequiredFields;
pub(crate) use schema::{Schema, named_type, output_fields};
pub(crate) use types::{TypeId, TypeNames, TypeSet};

use crate::error::RouterError;
use overrides::Shares;

/// A supergraph, ready for planning. Everything except `sdl` uses federation's canonical names.
pub struct Supergraph {
    pub sdl: String,
    pub planner: Planner,
    pub schema: Schema,
    pub types: Arc<TypeNames>,
    pub access: Access,
    pub(crate) costs: Costs,
    pub(crate) needed: RequiredFields,
    pub(crate) shares: Shares,
    pub validation: ValidationPlan,
    /// Subgraph URLs by name.
    pub endpoints: BTreeMap<String, String>,
}

impl Supergraph {
    /// # Errors
    /// SDL that does not parse, needs an unimplemented feature, or is rejected by the planner.
    pub fn new(sdl: String) -> Result<Self, RouterError> {
        let document = graphql_tools::parser::parse_schema::<String>(&sdl)
            .map_err(|error| RouterError::SupergraphSyntax(error.to_string()))?
            .into_static();
        if document.query_type_name().is_none() {
            return Err(RouterError::Planner("it has no query type".to_owned()));
        }
        let mut document = features::canonical(document)?;
        interface_objects::share_restrictions(&mut document);
        let planned = cost::without(&document);
        // It panics on some unexpected input.
        let planner = || Planner::new_from_supergraph(&planned, QueryPlannerOptions::default());
        let planner = catch_now(planner)
            .map_err(RouterError::Planner)?
            .map_err(|error| RouterError::Planner(error.to_string()))?;
        let schema = Schema::new(&planner.consumer_schema.document);
        if !schema.types.contains_key(&schema.query) {
            return Err(RouterError::Planner(
                "its query type is inaccessible".to_owned(),
            ));
        }
        let types = TypeNames::of_document(&document);
        Ok(Self {
            access: Access::new(&document, &schema, &types),
            costs: Costs::of_document(&document),
            types: Arc::new(types),
            schema,
            needed: RequiredFields::of(&planner.supergraph),
            shares: Shares::of(&planner.supergraph),
            validation: crate::prepare::validation_plan(),
            endpoints: planner
                .supergraph
                .subgraph_endpoint_map
                .iter()
                .map(|(name, url)| (name.clone(), url.clone()))
                .collect(),
            planner,
            sdl,
        })
    }
}

impl Supergraph {
    /// Whether a caller who does not meet some requirements may see an object's field.
    pub(crate) fn access_decision(
        &self,
        object: &str,
        field: &str,
        is_denied: impl Fn(RequirementId) -> bool,
    ) -> AccessDecision {
        if self.schema.field(object, field).is_none() {
            return AccessDecision::Hidden;
        }
        match self.access.of_field(object, field) {
            Some(requirement) if is_denied(requirement) => AccessDecision::Denied(requirement),
            _ => AccessDecision::Given,
        }
    }

    /// A subgraph's name in the join directives.
    pub(crate) fn graph_of(&self, subgraph: &str) -> Option<&str> {
        let known = self.planner.supergraph.known_subgraphs.iter();
        let found = known.into_iter().find(|(_, name)| *name == subgraph);
        found.map(|(graph, _)| graph.as_str())
    }

    /// The object types that a fragment on this type matches in a subgraph, where an interface or union may have fewer
    /// members than in the supergraph, and an interface may be an object.
    pub(crate) fn possible_in(&self, graph: &str, name: &str) -> TypeSet {
        let definitions = &self.planner.supergraph.definitions;
        let is_of_it = |object: &&str| match definitions.get(name) {
            Some(SupergraphDefinition::Interface(_)) => {
                let object = definitions.get(*object);
                let mut implemented = object.into_iter().flat_map(|known| known.join_implements());
                implemented.any(|join| join.graph_id == graph && join.interface == name)
            }
            Some(SupergraphDefinition::Union(union)) => {
                let mut members = union.union_members.iter();
                members.any(|join| join.graph == graph && join.member == *object)
            }
            _ => false,
        };
        let members = self.types.possible(name).filter(is_of_it);
        self.types.exactly(members.chain([name]))
    }

    /// All values of an enum, including hidden ones.
    pub(crate) fn enum_values(&self, name: &str) -> Vec<String> {
        match self.planner.supergraph.definitions.get(name) {
            Some(SupergraphDefinition::Enum(definition)) => {
                let values = definition.values.iter();
                values.map(|value| value.name.clone()).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl fmt::Debug for Supergraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supergraph")
            .field("subgraphs", &self.endpoints)
            .finish_non_exhaustive()
    }
}

/// The part of a supergraph's schema that clients see.
///
/// # Errors
/// If no router could be built on the supergraph.
pub fn api_sdl(supergraph: &str) -> Result<String, RouterError> {
    Ok(Supergraph::new(supergraph.to_owned())?.schema.sdl())
}

/// The type definitions of a document.
pub(crate) fn definitions(document: &Document) -> impl Iterator<Item = &TypeDefinition> {
    document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::TypeDefinition(definition) => Some(definition),
            _ => None,
        })
}

/// The directives on a type.
pub(crate) fn directives(definition: &TypeDefinition) -> &[Directive] {
    match definition {
        TypeDefinition::Scalar(inner) => &inner.directives,
        TypeDefinition::Object(inner) => &inner.directives,
        TypeDefinition::Interface(inner) => &inner.directives,
        TypeDefinition::Union(inner) => &inner.directives,
        TypeDefinition::Enum(inner) => &inner.directives,
        TypeDefinition::InputObject(inner) => &inner.directives,
    }
}

fn definitions_mut(document: &mut Document) -> impl Iterator<Item = &mut TypeDefinition> {
    document
        .definitions
        .iter_mut()
        .filter_map(|definition| match definition {
            Definition::TypeDefinition(definition) => Some(definition),
            _ => None,
        })
}
