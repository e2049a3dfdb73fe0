//! The tracking subgraph: where parcels are, how they got there, and every change as it happens.

mod carrier;
mod carriers;
mod config;
mod demo;
mod events;
mod flag;
mod guesses;
mod guest_link;
mod loaders;
pub mod metrics;
mod order;
mod order_return;
mod poll;
mod query;
mod rechecks;
mod record;
mod report;
mod return_parcels;
mod rules;
mod shipment;
mod status;
mod subscription;
mod update;
mod watch;
mod watchers;
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

pub use carrier::Carrier;
pub use carriers::{CarrierAccess, Carriers};
pub use config::{CarrierConfig, TrackingConfig};
pub use demo::{demo_needs, demo_set_out, demo_tick};
pub use flag::flag_overdue;
pub use guesses::Guesses;
pub use guest_link::{GuestLinkError, GuestLinkKey, GuestScope};
pub use migrations::tracking::Migrator;
pub use poll::poll;
pub use rechecks::Rechecks;
pub use record::{Observation, RecordError, Recorded, announcement, record};
pub use status::TrackingStatus;
pub use watchers::{Watchers, Watching};

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "tracking";

/// All that a resolver of this domain can reach.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    /// Carries changes to whoever watches them.
    pub pubsub: Arc<dyn PubSub>,
    /// The orders domain, asked whose an order is that has no parcel yet.
    pub orders: SubgraphClient,
    pub config: Arc<TrackingConfig>,
    /// Whom to ask about parcels, and whose webhooks to believe.
    pub carriers: Carriers,
    /// Signs the links by which guests track.
    pub guest_links: GuestLinkKey,
    /// How many links that nobody has signed were tried, and from where.
    pub guesses: Guesses,
    /// What is switched on: live updates, here.
    pub flags: Flags,
    /// When those who watch are asked whether they still may.
    pub rechecks: Rechecks,
    /// The orders that are watched in this process.
    pub watchers: Watchers,
}

impl State {
    /// What a guest's link shows, and until when.
    ///
    /// # Errors
    /// BAD_USER_INPUT for a link that is not good, RATE_LIMITED after too many of those.
    pub(crate) fn open_link(
        &self,
        context: &Context<'_>,
        token: &str,
    ) -> ApiResult<(GuestScope, DateTime<Utc>)> {
        let (address, now) = (access::caller(context)?.ip, self.clock.now());
        self.guesses.check(address, now)?;
        let opened = self.guest_links.open_until(token, now);
        if matches!(opened, Err(GuestLinkError::Invalid)) {
            self.guesses.add(address, now);
        }
        Ok(opened?)
    }
}

/// What this domain answers beside GraphQL: carriers' webhooks.
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
    // Every watcher keeps it.
    .data(Arc::new(state.clone()))
    .enable_federation()
    .limit_recursive_depth(RECURSION)
    .enable_subscription_in_federation()
    .finish();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
