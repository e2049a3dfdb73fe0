//! The search subgraph: finding products by words and facts, and what is shown of a product.

mod loaders;
mod mutation;
mod product;
mod product_search;
mod query;
mod reindex;
mod rules;
mod search_event;
mod search_suggestion;
pub mod workers;

pub mod engine;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_graphql::{EmptySubscription, Schema};
use platform::clock::Clock;
use platform::database::Database;
use resolvers::client::SubgraphClient;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::user_error::UserError;

use engine::SearchEngine;
use engine::embedded::Embedded;

pub use migrations::search::Migrator;
pub use reindex::ReindexError;

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "search";

/// All that a resolver of this domain can reach.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    pub engine: Arc<dyn SearchEngine>,
    /// Knows the exchange rates that price filters in other currencies need.
    pub pricing: SubgraphClient,
    /// The index is known to differ from the database.
    pub outdated: Arc<AtomicBool>,
}

impl State {
    /// With the embedded engine, its index in this directory.
    pub fn new(
        database: Database,
        clock: Clock,
        index: impl Into<PathBuf>,
        pricing: SubgraphClient,
    ) -> Self {
        Self {
            database,
            clock,
            engine: Arc::new(Embedded::new(index)),
            pricing,
            outdated: Arc::default(),
        }
    }
}

/// The subgraph over an open, migrated database. Searches fail until there is an index:
/// [`State::open_index`].
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
