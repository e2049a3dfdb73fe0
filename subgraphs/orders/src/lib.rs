//! The orders subgraph: the source of truth for customers, their orders and what they paid.

mod address;
mod customer;
pub mod events;
mod loaders;
mod order;
mod order_event;
mod order_item;
mod payment_method;
mod query;
mod rules;
pub mod workers;

use async_graphql::{EmptyMutation, EmptySubscription, Schema};
use platform::clock::Clock;
use platform::config::Secret;
use platform::database::Database;
use platform::stripe::Stripe;
use resolvers::subgraph::Subgraph;

pub use migrations::orders::Migrator;

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "orders";

/// All that a resolver of this domain can reach.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    /// Takes payments. Without it no order can be placed here.
    pub stripe: Option<Stripe>,
    /// Signs the webhooks that Stripe sends. Without it they are refused.
    pub stripe_webhook_secret: Option<Secret>,
}

/// What this domain answers beside GraphQL.
pub fn routes(_state: State) -> axum::Router {
    axum::Router::new()
}

/// The subgraph over an open, migrated database.
pub fn subgraph(state: State) -> Subgraph {
    let schema = Schema::build(query::Query, EmptyMutation, EmptySubscription)
        .data(state.clone())
        .enable_federation()
        .finish();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
