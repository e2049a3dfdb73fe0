//! The search subgraph: finds products by text and attributes, and owns product data.

mod catalog_file;
pub mod catalog_import;
mod catalog_input;
mod catalog_write;
mod customer;
pub mod evaluation;
pub mod events;
mod exposure_log;
mod facet;
mod index_changes;
mod index_worker;
pub mod judged_queries;
mod loaders;
pub mod metrics;
mod mutation;
mod personalization;
mod personalization_opt_out;
mod preference_cache;
mod preference_job;
pub mod privacy;
mod product;
mod product_search;
mod product_search_connection;
mod product_search_filters;
mod product_vectors;
mod purchases;
mod query;
mod ranked_search;
mod reindex;
mod rules;
mod search_event;
mod search_experiment;
mod search_suggestion;
pub mod stock;
mod vector_import;
pub mod workers;

pub mod engine;
pub mod ranking;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{EmptySubscription, Schema};
use platform::clock::Clock;
use platform::database::Database;
use resolvers::client::SubgraphClient;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::user_error::UserError;

use engine::SearchEngine;
use engine::embedded::Embedded;
use ranking::Ranker;

pub use exposure_log::ExposureLog;
pub use index_changes::IndexFollower;
pub use index_worker::IndexWorker;
pub use migrations::search::Migrator;
pub use personalization::{PersonalizationConfig, PersonalizationState};
pub use preference_cache::PreferenceCache;
pub use preference_job::ComputedPreferences;
pub use reindex::ReindexError;
pub use search_experiment::{
    ExperimentDifference, ExperimentGroup, ExperimentGroups, ExperimentLatency, ExperimentRate,
    ExperimentSampleRatio, MAX_DAYS, SearchExperiment,
};
pub use vector_import::{VectorImport, VectorImportError};

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "search";

/// How long an engine may take by default.
pub const DEADLINE: Duration = Duration::from_millis(750);

/// The dependencies of this domain's resolvers.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    pub engine: Arc<dyn SearchEngine>,
    /// How long the engine may take for everything that one field asks of it. Later it counts as unavailable, because a
    /// customer is waiting.
    pub deadline: Duration,
    /// Provides exchange rates for price filters in other currencies.
    pub pricing: SubgraphClient,
    /// What paths in `imageUrl` are below, such as `https://shop.example.com`.
    pub public_url: Arc<str>,
    pub personalization: PersonalizationState,
    /// Puts the first results of a search into another order.
    pub ranker: Ranker,
}

impl State {
    /// Uses the embedded engine with its index in this directory.
    pub fn new(
        database: Database,
        clock: Clock,
        index: impl Into<PathBuf>,
        pricing: SubgraphClient,
        public_url: &str,
    ) -> Self {
        Self {
            database,
            engine: Arc::new(Embedded::new(index)),
            deadline: DEADLINE,
            pricing,
            public_url: public_url.trim_end_matches('/').into(),
            personalization: PersonalizationState::in_process(clock.clone()),
            clock,
            ranker: Ranker::none(),
        }
    }
}

/// The subgraph over an open, migrated database. Searches fail until there is an index; see [`State::open_index`].
pub fn subgraph(state: State) -> Subgraph {
    let schema = Schema::build(
        Entities(query::Query),
        mutation::Mutation,
        EmptySubscription,
    )
    .data(state.clone())
    .register_output_type::<UserError>()
    .enable_federation()
    .limit_recursive_depth(RECURSION)
    .finish();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
