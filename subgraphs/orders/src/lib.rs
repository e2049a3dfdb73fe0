//! The orders subgraph: the source of truth for customers, orders and payments.

mod address;
mod checkout_rates;
mod customer;
pub mod events;
mod input;
pub mod inventory_events;
mod loaders;
pub mod metrics;
mod mutation;
mod order;
mod order_cancel;
mod order_event;
mod order_item;
mod order_place;
mod order_place_input;
mod order_refund;
mod order_refund_task;
mod order_review;
mod order_review_decide;
mod order_review_input;
mod payment;
mod payment_method;
mod payment_method_details;
mod payment_processor;
mod payment_task;
mod query;
mod quote;
mod reconciliation;
mod rules;
mod stock;
mod stock_adjust;
mod stock_adjust_input;
mod stock_consumers;
pub mod stock_import;
mod stock_movement;
mod stock_shortage;
mod stock_write;
mod support_alert;
mod support_mutations;
mod support_orders;
mod transitions;
mod webhooks;
pub mod workers;

use std::sync::Arc;

use async_graphql::{EmptySubscription, Schema};
use platform::clock::Clock;
use platform::config::Secret;
use platform::database::Database;
use platform::providers::stripe::Stripe;
use resolvers::client::SubgraphClient;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::user_error::UserError;

pub use checkout_rates::{CheckoutRates, CheckoutRatesError};

pub use migrations::orders::Migrator;

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "orders";

/// The dependencies of this domain's resolvers.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    /// Charges payments. Without it no orders can be placed.
    pub stripe: Option<Stripe>,
    /// Describes products. Without it no orders can be placed.
    pub search: Option<SubgraphClient>,
    /// Prices products. Without it no orders can be placed.
    pub pricing: Option<SubgraphClient>,
    pub checkout_rates: Arc<CheckoutRates>,
    /// Verifies Stripe's webhooks. Without it there is no webhook route.
    pub stripe_webhook_secret: Option<Secret>,
}

/// The domain's routes besides GraphQL.
pub fn routes(state: State) -> axum::Router {
    webhooks::routes(state)
}

/// The subgraph over an open, migrated database.
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
