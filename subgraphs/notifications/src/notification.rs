//! The GraphQL type `Notification`.

use async_graphql::{Context, Enum, ID, Object};
use entities::notifications::notification as entity;
use resolvers::ApiResult;
use resolvers::access;
use resolvers::connection;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::notification_preferences::{NotificationCategory, NotificationChannel};

/// Whether a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::DeliveryStatus")]
pub(crate) enum DeliveryStatus {
    /// It waits for its time: the end of quiet hours, or its place in the queue.
    Scheduled,
    /// It was handed to the channel's provider.
    Sent,
    /// Sending it failed, and will be tried again.
    Failed,
    /// Sending it failed for good.
    DeadLettered,
    /// It is not sent: `reason` says why.
    Suppressed,
}

#[derive(Clone, Debug)]
pub(crate) struct Notification(pub entity::Model);

impl Notification {
    /// Resolves a representation: the message if it exists and is the caller's.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: Uuid,
    ) -> ApiResult<Option<Self>> {
        let Some(caller) = access::visitor(context)? else {
            return Ok(None);
        };
        let loaders = context.data_unchecked::<Loaders>();
        let found = loaders.notifications.load_one(id).await?;
        Ok(found.filter(|row| row.customer_id == caller).map(Self))
    }
}

/// A message to a customer, visible only to them.
#[Object]
impl Notification {
    /// Globally unique id: `ntf_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Notification.id(self.0.id)
    }

    /// What the message is about.
    async fn category(&self) -> NotificationCategory {
        self.0.category.into()
    }

    /// How the message is sent.
    async fn channel(&self) -> NotificationChannel {
        self.0.channel.into()
    }

    /// The headline.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The text; empty once it is no longer kept, after 90 days.
    async fn body(&self) -> &str {
        &self.0.body
    }

    /// The place in the app that the message opens, such as "vantage://orders/ord_…"; null if it opens none.
    async fn deep_link(&self) -> Option<&str> {
        self.0.deep_link.as_deref()
    }

    /// Whether the message was sent.
    async fn status(&self) -> DeliveryStatus {
        self.0.status.into()
    }

    /// When the message is to be sent; null if it is not scheduled.
    async fn scheduled_for(&self) -> Option<DateTime> {
        self.0.scheduled_for.map(DateTime)
    }

    /// When the message was sent; null if it was not.
    async fn sent_at(&self) -> Option<DateTime> {
        self.0.sent_at.map(DateTime)
    }

    /// When the customer marked the message as read; null if they have not.
    async fn read_at(&self) -> Option<DateTime> {
        self.0.read_at.map(DateTime)
    }

    /// Why the message was not sent, or not yet: `opted_out`, `expired`, `no_recipient`, `recipient_stopped`,
    /// `channel_not_configured`, `customer_deleted` or the provider's answer. Why a push message was not sent to all
    /// devices, and how many have it. Null if it was sent to all.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }
}

connection!(NotificationConnection, NotificationEdge, Notification);
