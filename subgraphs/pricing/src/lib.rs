//! The pricing subgraph: product prices and exchange rates.

mod checkout_quote;
mod config;
mod countries;
mod currency;
mod currency_context;
mod events;
mod exchange_rate;
mod geo_database;
mod loaders;
pub mod metrics;
mod product;
mod product_price;
mod query;
mod rate_cache;
pub mod rate_override;
mod rate_refresh;
mod rate_watch;
mod rules;
pub mod workers;

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Schema};
use platform::clock::Clock;
use platform::database::Database;
use platform::providers::open_exchange_rates::OpenExchangeRates;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};

pub use config::RatesConfig;
pub use countries::{Countries, CountriesError};
pub use entities::pricing::rate_freshness::RateFreshness;
pub use geo_database::{GeoDatabase, GeoError};
pub use migrations::pricing::Migrator;
pub use rate_cache::RateCache;
pub use rate_refresh::{RefreshError, RefreshReport, refresh as refresh_rates};
pub use rate_watch::observe as observe_rates;

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
    /// How exchange rates are fetched and judged.
    pub rates: RatesConfig,
    pub rate_cache: RateCache,
    /// Who is asked for rates; without one, those that are known are used for what their age makes them worth.
    pub rate_provider: Option<OpenExchangeRates>,
}

impl State {
    /// With the default country map and rate limits, without geolocation and rate provider.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self {
            database,
            clock,
            countries: Arc::default(),
            geo: None,
            rates: RatesConfig::default(),
            rate_cache: RateCache::default(),
            rate_provider: None,
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
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
