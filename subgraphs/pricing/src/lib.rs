//! The pricing subgraph: product prices and exchange rates.

mod checkout_quote;
mod countries;
mod currency;
mod currency_context;
mod exchange_rate;
mod freshness_log;
mod geo_database;
mod loaders;
mod product;
mod product_price;
mod query;
mod rules;

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Schema};
use platform::clock::Clock;
use platform::database::Database;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};

pub use countries::{Countries, CountriesError};
pub use geo_database::{GeoDatabase, GeoError};
pub use migrations::pricing::Migrator;

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "pricing";

/// The dependencies of this domain's resolvers.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    /// The currency for each country's customers.
    pub countries: Arc<Countries>,
    /// Locates addresses, if a database is configured.
    pub geo: Option<Arc<GeoDatabase>>,
}

impl State {
    /// With the default country map and without geolocation.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self {
            database,
            clock,
            countries: Arc::default(),
            geo: None,
        }
    }
}

/// The subgraph over an open, migrated database.
pub fn subgraph(state: State) -> Subgraph {
    let schema = Schema::build(Entities(query::Query), EmptyMutation, EmptySubscription)
        .data(state.clone())
        .enable_federation()
        .limit_recursive_depth(RECURSION)
        .finish();
    let freshness_log = Arc::default();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, &freshness_log, batches)
    })
}
