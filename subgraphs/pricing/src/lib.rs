//! The pricing subgraph: product prices and exchange rates.

mod checkout_quote;
mod config;
mod countries;
mod currency;
mod currency_context;
pub mod events;
mod exchange_rate;
mod geo_database;
mod loaders;
pub mod metrics;
mod mutation;
mod new_products;
mod price_cache;
mod price_file;
pub mod price_import;
mod price_schedule;
mod price_set;
mod price_set_input;
mod price_write;
mod product;
mod product_price;
mod query;
mod rate_cache;
mod rate_confirm;
pub mod rate_override;
mod rate_refresh;
mod rate_watch;
mod rules;
mod subscription;
pub mod workers;

use std::sync::Arc;

use async_graphql::Schema;
use platform::clock::Clock;
use platform::database::Database;
use platform::providers::open_exchange_rates::OpenExchangeRates;
use platform::pubsub::{InProcess, PubSub};
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::user_error::UserError;
use rust_decimal::Decimal;

pub use config::RatesConfig;
pub use countries::{Countries, CountriesError};
pub use entities::pricing::rate_freshness::RateFreshness;
pub use geo_database::{GeoDatabase, GeoError};
pub use migrations::pricing::Migrator;
pub use price_cache::PriceCache;
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
    pub price_cache: PriceCache,
    /// Who is asked for rates; without one, those that are known are used for what their age makes them worth.
    pub rate_provider: Option<OpenExchangeRates>,
    /// Who confirms rates that are held.
    pub second_rate_provider: Option<OpenExchangeRates>,
    /// No adjustment takes a price below this percentage of the base price; from 0 to 100.
    pub floor_percent: Decimal,
    /// Tells those who watch a price, in any process, that it changed.
    pub pubsub: Arc<dyn PubSub>,
}

/// The lowest share of the base price, unless the shop has another.
pub const FLOOR_PERCENT: Decimal = Decimal::TEN;

impl State {
    /// With the default country map and rate limits, without geolocation and rate provider. Changes are told within
    /// the process.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self {
            database,
            clock,
            countries: Arc::default(),
            geo: None,
            rates: RatesConfig::default(),
            rate_cache: RateCache::default(),
            price_cache: PriceCache::default(),
            rate_provider: None,
            second_rate_provider: None,
            floor_percent: FLOOR_PERCENT,
            pubsub: Arc::new(InProcess::new()),
        }
    }
}

/// The subgraph over an open, migrated database.
pub fn subgraph(state: State) -> Subgraph {
    let schema = Schema::build(
        Entities(query::Query),
        mutation::Mutation,
        subscription::Subscription,
    )
    .data(state.clone())
    .register_output_type::<UserError>()
    .enable_federation()
    .enable_subscription_in_federation()
    .limit_recursive_depth(RECURSION)
    .finish();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
