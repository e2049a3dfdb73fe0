//! A message to a customer, as the graph shows it.

use async_graphql::{Enum, ID, Object};
use entities::notifications::notification as entity;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, connection};
use uuid::Uuid;

use crate::preferences::{NotificationCategory, NotificationChannel};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum DeliveryStatus {
    /// Waits for its time: the end of quiet hours, or its turn in the queue.
    Scheduled,
    Sent,
    /// Failed, and will be tried again.
    Failed,
    /// Failed for good.
    DeadLettered,
    /// Not sent, because the customer does not want it.
    Suppressed,
}

impl DeliveryStatus {
    fn parse(stored: &str) -> Option<Self> {
        Some(match stored {
            "scheduled" => Self::Scheduled,
            "sent" => Self::Sent,
            "failed" => Self::Failed,
            "dead_lettered" => Self::DeadLettered,
            "suppressed" => Self::Suppressed,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub id: Uuid,
    category: NotificationCategory,
    channel: NotificationChannel,
    status: DeliveryStatus,
    row: entity::Model,
}

impl TryFrom<entity::Model> for Notification {
    type Error = ApiError;

    fn try_from(row: entity::Model) -> ApiResult<Self> {
        let unknown = || ApiError::internal(format!("notification {} has unknown values", row.id));
        Ok(Self {
            id: row.id,
            category: NotificationCategory::parse(&row.category).ok_or_else(unknown)?,
            channel: NotificationChannel::parse(&row.channel).ok_or_else(unknown)?,
            status: DeliveryStatus::parse(&row.status).ok_or_else(unknown)?,
            row,
        })
    }
}

/// A message to a customer.
#[Object]
impl Notification {
    async fn id(&self) -> ID {
        IdKind::Notification.id(self.id)
    }

    async fn category(&self) -> NotificationCategory {
        self.category
    }

    async fn channel(&self) -> NotificationChannel {
        self.channel
    }

    async fn title(&self) -> &str {
        &self.row.title
    }

    async fn body(&self) -> &str {
        &self.row.body
    }

    /// Where in the app the message leads.
    async fn deep_link(&self) -> Option<&str> {
        self.row.deep_link.as_deref()
    }

    async fn status(&self) -> DeliveryStatus {
        self.status
    }

    async fn scheduled_for(&self) -> Option<DateTime> {
        self.row.scheduled_for.map(DateTime)
    }

    async fn sent_at(&self) -> Option<DateTime> {
        self.row.sent_at.map(DateTime)
    }
}

connection!(NotificationConnection, NotificationEdge, Notification);
