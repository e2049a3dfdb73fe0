//! The notifications subgraph: customers' preferences, their devices, and the messages sent to them.

pub mod channels;
mod customer;
mod device_register;
mod events;
mod live;
mod loaders;
pub mod message;
mod message_record;
mod message_task;
pub mod metrics;
mod mutation;
mod notification;
mod notification_preferences;
mod notification_preferences_update;
mod notification_read;
mod order;
mod partner;
mod partner_event;
mod partner_event_record;
mod query;
mod rules;
mod subscription;
pub mod templates;
mod webhook_task;
pub mod workers;

use async_graphql::Schema;
use platform::clock::Clock;
use platform::database::Database;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::user_error::UserError;

pub use channels::Delivery;
pub use live::Live;
pub use message_task::{MessageTaskState, SendMessage};
pub use migrations::notifications::Migrator;
pub use partner::{Partner, PartnerError, Partners, endpoint_id};
pub use webhook_task::{DeliverWebhooks, WebhookDelivery};

/// The domain's name: of its database, its SDL file and its process.
pub const NAME: &str = "notifications";

/// The dependencies of this domain's resolvers.
#[derive(Clone, Debug)]
pub struct State {
    pub database: Database,
    pub clock: Clock,
    /// Those that are notified of events.
    pub partners: Partners,
    pub webhooks: WebhookDelivery,
    /// How messages to customers are written and sent.
    pub delivery: Delivery,
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
    .limit_recursive_depth(RECURSION)
    .finish();
    Subgraph::new(NAME, schema, move |batches| {
        loaders::Loaders::new(&state, batches)
    })
}
