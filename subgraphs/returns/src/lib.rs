//! The returns subgraph: what may be returned, what is refunded, and how far each return is.
//!
//! A nullable field returns `Option<ApiResult<T>>`, so that its error nulls the field itself; with
//! `ApiResult<Option<T>>` async-graphql would null the enclosing object.

mod customer_return;
mod erased_label_task;
pub mod events;
mod follow_parcels;
mod input;
pub mod invariants;
mod label_estimate;
mod label_rate;
mod label_task;
mod loaders;
pub mod metrics;
mod mutation;
mod order;
mod order_facts;
mod order_item;
mod order_payment;
mod orphan_refunds;
pub mod privacy;
mod product_measures;
mod query;
mod refund_approval;
mod refund_quote;
mod refund_refusal;
mod refund_requote;
mod refund_supplement;
mod refund_task;
mod replaced_label_task;
mod representations;
mod return_cancel;
mod return_create;
mod return_create_input;
mod return_eligibility;
mod return_item;
mod return_label_generate;
mod return_parcel;
mod return_preview;
mod return_reason;
mod return_request;
mod return_review;
mod return_review_decide;
mod return_review_input;
mod review;
mod review_effects;
pub mod rules;
mod self_service;
mod store_credit;
mod subscription;
mod support_alert;
mod support_returns;
mod tasks;
pub mod transitions;
mod user_error;
mod void_task;
mod webhooks;
pub mod workers;

use std::sync::Arc;

use async_graphql::Schema;
use platform::clock::Clock;
use platform::config::Secret;
use platform::database::Database;
use platform::flags::Flags;
use platform::log_once::LogOnce;
use platform::objects::ObjectLinks;
use platform::providers::easypost::Easypost;
use platform::providers::stripe::Stripe;
use platform::pubsub::PubSub;
use resolvers::client::SubgraphClient;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};

pub use label_rate::LabelRules;

pub use entities::returns::customer_return::RefundMethod;
pub use entities::returns::return_item::ItemCondition;
pub use migrations::returns::Migrator;

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "returns";

/// The dependencies of this domain's resolvers.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    /// The orders subgraph, which knows purchases and deliveries.
    pub orders: SubgraphClient,
    /// The search subgraph, which knows products' weights and sizes. Without it they are assumed.
    pub search: Option<SubgraphClient>,
    /// Which labels are bought without a person.
    pub label_rules: Arc<LabelRules>,
    /// Issues refunds. Without it refunds wait.
    pub stripe: Option<Stripe>,
    /// Sells labels. Without it none can be created.
    pub easypost: Option<Easypost>,
    /// Verifies EasyPost's webhooks. Without it there is no webhook route.
    pub easypost_webhook_secret: Option<Secret>,
    /// The unknown statuses of scans that were logged.
    pub unknown_statuses: LogOnce<String>,
    /// The store of labels, and their links.
    pub labels: ObjectLinks,
    pub flags: Flags,
    /// Notifies those who watch a return.
    pub pubsub: Arc<dyn PubSub>,
}

/// The domain's routes besides GraphQL.
pub fn routes(state: State) -> axum::Router {
    axum::Router::new()
        .nest("/objects", state.labels.routes())
        .merge(webhooks::routes(state))
}

/// The subgraph over an open, migrated database.
pub fn subgraph(state: State) -> Subgraph {
    let schema = Schema::build(
        Entities(query::Query),
        mutation::Mutation,
        subscription::Subscription,
    )
    .register_output_type::<user_error::UserError>()
    .data(state.clone())
    .enable_federation()
    .enable_subscription_in_federation()
    .limit_recursive_depth(RECURSION)
    .finish();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
