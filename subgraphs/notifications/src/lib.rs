//! The notifications subgraph: customers' preferences, their devices, and the messages sent to them.

pub mod channels;
mod contact;
mod customer;
mod customer_export;
mod customer_message;
mod deal_drain;
mod deal_file;
mod deal_recalculate;
mod deal_schedule;
mod deal_schedule_input;
mod deal_sqs;
mod device_register;
pub mod events;
pub mod legacy_file;
mod links;
mod live;
mod loaders;
pub mod message;
mod message_record;
mod message_task;
pub mod metrics;
mod mutation;
mod notification;
mod notification_contact_update;
mod notification_preferences;
mod notification_preferences_update;
mod notification_read;
mod order;
mod partner;
mod partner_event;
mod partner_event_record;
pub mod preference_migration;
pub mod privacy;
mod query;
mod rules;
mod subscription;
pub mod templates;
mod topic_change;
mod topic_membership;
mod topic_task;
mod unsubscribe;
mod webhook_task;
pub mod workers;

use async_graphql::Schema;
use platform::clock::Clock;
use platform::database::Database;
use platform::providers::fcm::Fcm;
use resolvers::entities::Entities;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::user_error::UserError;
use tokio_util::sync::CancellationToken;

use self::deals::{DealDelivery, DealTaskState};
pub use channels::Delivery;
pub use links::Links;
pub use live::Live;
pub use message_task::{MessageTaskState, SendMessage};
pub use migrations::notifications::Migrator;
pub use partner::{Partner, PartnerError, Partners, endpoint_id};
pub use topic_task::{
    TopicTaskState, make as make_topic_changes, repeat_once as repeat_topic_changes,
};
pub use unsubscribe::UnsubscribeLinks;
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
    /// How long the texts of messages are kept.
    pub text_retention: std::time::Duration,
    /// How deals are sent.
    pub deals: DealDelivery,
    /// The push service. Without it, topic changes wait.
    pub fcm: Option<Fcm>,
}

/// Deals, for commands and tests.
pub mod deals {
    pub use crate::deal_drain::{DealDelivery, DealTaskState, DrainError, Drained, drain_once};
    pub use crate::deal_file::{
        DealFileError, DealReport, DealRun, FileError, FileFormat, Progress, schedule_file,
    };
    pub use crate::deal_recalculate::{RecalculateDeals, of_all as recalculate_all};
    pub use crate::deal_schedule::Scheduled;
    pub use crate::deal_sqs::{QUEUE, QueueError, consume_once};
}

impl State {
    /// The dependencies of sending deals, until told to stop.
    pub fn deals(&self, stop: CancellationToken) -> DealTaskState {
        DealTaskState {
            database: self.database.clone(),
            clock: self.clock.clone(),
            delivery: self.deals.clone(),
            messages: self.messages(),
            stop,
        }
    }

    /// The dependencies of sending messages.
    pub fn messages(&self) -> MessageTaskState {
        MessageTaskState {
            database: self.database.clone(),
            clock: self.clock.clone(),
            delivery: self.delivery.clone(),
        }
    }

    /// The dependencies of changing push topics.
    pub fn topics(&self) -> TopicTaskState {
        TopicTaskState {
            database: self.database.clone(),
            clock: self.clock.clone(),
            fcm: self.fcm.clone(),
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

/// The domain's HTTP routes: the links in emails that unsubscribe.
pub fn routes(state: State) -> axum::Router {
    match state
        .delivery
        .email
        .as_ref()
        .map(|email| email.unsubscribe.clone())
    {
        Some(links) => unsubscribe::routes(state, links),
        None => axum::Router::new(),
    }
}
