//! The tracking subgraph: where parcels are, how they got there, and every change as it happens.

mod carrier;
mod carrier_report;
mod carriers;
mod config;
mod customer_return;
mod demo;
mod entitlement_checks;
pub mod events;
mod guest_link;
mod guest_link_limiter;
mod loaders;
pub mod metrics;
mod order;
mod order_item;
mod order_shipments;
mod poll;
pub mod privacy;
mod query;
mod record_event;
mod return_shipments;
mod rules;
mod shipment;
mod shipment_flag;
mod subscription;
mod subscription_source;
mod tracking_status;
mod tracking_update;
mod watch_registry;
mod webhooks;
pub mod workers;

use std::sync::Arc;

use async_graphql::{Context, EmptyMutation, Schema};
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use platform::database::Database;
use platform::flags::Flags;
use platform::pubsub::PubSub;
use resolvers::client::SubgraphClient;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::{ApiResult, access};

pub use carriers::{CarrierAccess, Carriers};
pub use config::{CarrierConfig, TrackingConfig};
pub use demo::{demo_dispatch, demo_missing_carriers, demo_tick};
pub use entitlement_checks::EntitlementChecks;
pub use guest_link::{GuestLinkError, GuestLinkKey, GuestScope};
pub use guest_link_limiter::GuestLinkLimiter;
pub use migrations::tracking::Migrator;
pub use poll::poll;
pub use record_event::{RecordError, RecordOutcome, change_message, record_event};
pub use rules::observation::Observation;
pub use rules::status::{Carrier, TrackingStatus};
pub use shipment_flag::flag_overdue;
pub use watch_registry::{WatchGuard, WatchRegistry};

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "tracking";

/// The dependencies of this domain's resolvers.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    /// Carries changes to watchers.
    pub pubsub: Arc<dyn PubSub>,
    /// The orders domain, which knows the owner of an order that has no parcel yet.
    pub orders: SubgraphClient,
    pub config: Arc<TrackingConfig>,
    /// The carriers to poll, and those whose webhooks are accepted.
    pub carriers: Carriers,
    /// Signs guests' tracking links.
    pub guest_links: GuestLinkKey,
    /// Limits attempts with invalid links, by address.
    pub guest_link_limiter: GuestLinkLimiter,
    /// The flag for live updates.
    pub flags: Flags,
    /// When to check whether watchers are still entitled.
    pub entitlement_checks: EntitlementChecks,
    /// The orders being watched in this process.
    pub watchers: WatchRegistry,
}

impl State {
    /// The scope of a guest's link, and its expiry.
    ///
    /// # Errors
    /// BAD_USER_INPUT for an invalid link, RATE_LIMITED for an invalid link after too many of them.
    pub(crate) fn open_link(
        &self,
        context: &Context<'_>,
        token: &str,
    ) -> ApiResult<(GuestScope, DateTime<Utc>)> {
        let (address, now) = (access::caller(context)?.ip, self.clock.now());
        let opened = self.guest_links.open_until(token, now);
        if matches!(opened, Err(GuestLinkError::Invalid)) {
            self.guest_link_limiter.count(address, now)?;
        }
        Ok(opened?)
    }
}

/// The domain's routes besides GraphQL: carriers' webhooks.
pub fn routes(state: State) -> axum::Router {
    webhooks::routes(state)
}

/// The subgraph over an open, migrated database.
pub fn subgraph(state: State) -> Subgraph {
    let schema = Schema::build(
        Entities(query::Query),
        EmptyMutation,
        subscription::Subscription,
    )
    .data(state.clone())
    // Every watcher keeps a reference.
    .data(Arc::new(state.clone()))
    .enable_federation()
    .limit_recursive_depth(RECURSION)
    .enable_subscription_in_federation()
    .finish();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
