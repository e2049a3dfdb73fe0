//! From subgraph schemas to everything a request needs to know of the supergraph.

mod access;
mod compose;
mod needed;
mod overrides;
mod schema;
mod types;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use graphql_tools::parser::schema::Definition;
use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition};
use graphql_tools::validation::validate::ValidationPlan;
use hive_router_query_planner::planner::{Planner, QueryPlannerOptions};

pub(crate) use access::{Access, RequirementId};
pub use compose::compose;
pub(crate) use needed::client_key;
pub(crate) use schema::{Schema, named_type, output_fields};
pub(crate) use types::{TypeId, TypeNames, TypeSet};

use crate::error::RouterError;
use needed::NeededFields;
use overrides::Shares;

/// A supergraph, ready to plan for.
pub struct Supergraph {
    pub sdl: String,
    pub planner: Planner,
    pub schema: Schema,
    pub types: Arc<TypeNames>,
    pub access: Access,
    pub(crate) needed: NeededFields,
    pub(crate) shares: Shares,
    pub validation: ValidationPlan,
    /// URL by name of subgraph.
    pub endpoints: BTreeMap<String, String>,
}

impl Supergraph {
    /// # Errors
    /// SDL that does not parse, or that no plan can be made for.
    pub fn new(sdl: String) -> Result<Self, RouterError> {
        let document = graphql_tools::parser::parse_schema::<String>(&sdl)
            .map_err(|error| RouterError::SupergraphSyntax(error.to_string()))?
            .into_static();
        if document.query_type_name().is_none() {
            return Err(RouterError::Planner("it has no query type".to_owned()));
        }
        let planner =
            guarded(|| Planner::new_from_supergraph(&document, QueryPlannerOptions::default()))
                .map_err(RouterError::Planner)?
                .map_err(|error| RouterError::Planner(error.to_string()))?;
        Ok(Self {
            schema: Schema::new(&planner.consumer_schema.document),
            types: Arc::new(TypeNames::of_document(&document)),
            access: Access::of_document(&document),
            needed: NeededFields::of(&planner.supergraph),
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

impl fmt::Debug for Supergraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supergraph")
            .field("subgraphs", &self.endpoints)
            .finish_non_exhaustive()
    }
}

/// Runs planner code, which panics on some input it did not foresee, and turns a panic into its message.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic: Box<dyn Any + Send>| {
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "the planner panicked".to_owned())
    })
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

fn definitions_mut(document: &mut Document) -> impl Iterator<Item = &mut TypeDefinition> {
    document
        .definitions
        .iter_mut()
        .filter_map(|definition| match definition {
            Definition::TypeDefinition(definition) => Some(definition),
            _ => None,
        })
}
