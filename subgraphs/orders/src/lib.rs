//! The orders subgraph: the source of truth for customers, orders and payments.

mod address;
mod checkout;
mod checkout_rates;
mod customer;
mod customer_export;
pub mod events;
mod follow_parcels;
mod fulfilment_webhooks;
mod input;
pub mod invariants;
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
mod order_preview;
mod order_preview_input;
mod order_refund;
mod order_refund_task;
mod order_reorder;
mod order_review;
mod order_review_decide;
mod order_review_input;
mod parcels;
mod payment;
mod payment_method;
mod payment_method_details;
mod payment_processor;
mod payment_status;
mod payment_task;
mod placement;
pub mod privacy;
mod query;
mod quote;
mod reconciliation;
mod rules;
mod shipment;
mod shipment_register;
mod shipment_register_input;
mod shipping_country;
mod shipping_rates;
mod stock;
mod stock_adjust;
mod stock_adjust_input;
mod stock_consumers;
pub mod stock_import;
mod stock_movement;
mod stock_shortage;
mod stock_write;
mod store_credit;
mod store_credit_write;
mod subscription;
mod support_alert;
mod support_mutations;
mod support_orders;
mod transitions;
mod webhooks;
pub mod workers;

use std::sync::Arc;

use async_graphql::Schema;
use platform::clock::Clock;
use platform::config::Secret;
use platform::database::Database;
use platform::providers::stripe::{CaptureMethod, Stripe};
use platform::pubsub::PubSub;
use resolvers::client::SubgraphClient;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::user_error::UserError;

pub use checkout_rates::{CheckoutRates, CheckoutRatesError};
pub use rules::stock::{ReturnedCondition, Units, returned};
pub use stock_write::line_reference;

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
    /// Whether payments are charged when the order is placed, or authorized then and captured as parcels are sent.
    pub capture_method: CaptureMethod,
    /// Describes products. Without it no orders can be placed.
    pub search: Option<SubgraphClient>,
    /// Prices products. Without it no orders can be placed.
    pub pricing: Option<SubgraphClient>,
    pub checkout_rates: Arc<CheckoutRates>,
    /// Verifies Stripe's webhooks. Without it there is no webhook route.
    pub stripe_webhook_secret: Option<Secret>,
    /// Verify the warehouse's webhooks: one, or two while it changes to another. Without one there is no webhook route.
    pub fulfilment_webhook_secrets: Vec<Secret>,
    /// Notifies those who watch an order.
    pub pubsub: Arc<dyn PubSub>,
}

/// The domain's routes besides GraphQL.
pub fn routes(state: State) -> axum::Router {
    fulfilment_webhooks::routes(state.clone()).merge(webhooks::routes(state))
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
