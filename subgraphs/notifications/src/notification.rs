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

/// The delivery status of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::DeliveryStatus")]
pub(crate) enum DeliveryStatus {
    /// Waits for its time: the end of quiet hours, or its place in the queue.
    Scheduled,
    Sent,
    /// Failed, and will be retried.
    Failed,
    /// Failed for good.
    DeadLettered,
    /// Not sent, because the customer opted out.
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

/// A message to a customer.
#[Object]
impl Notification {
    async fn id(&self) -> ID {
        IdKind::Notification.id(self.0.id)
    }

    async fn category(&self) -> NotificationCategory {
        self.0.category.into()
    }

    async fn channel(&self) -> NotificationChannel {
        self.0.channel.into()
    }

    async fn title(&self) -> &str {
        &self.0.title
    }

    async fn body(&self) -> &str {
        &self.0.body
    }

    /// The place in the app that the message links to.
    async fn deep_link(&self) -> Option<&str> {
        self.0.deep_link.as_deref()
    }

    async fn status(&self) -> DeliveryStatus {
        self.0.status.into()
    }

    async fn scheduled_for(&self) -> Option<DateTime> {
        self.0.scheduled_for.map(DateTime)
    }

    async fn sent_at(&self) -> Option<DateTime> {
        self.0.sent_at.map(DateTime)
    }
}

connection!(NotificationConnection, NotificationEdge, Notification);
