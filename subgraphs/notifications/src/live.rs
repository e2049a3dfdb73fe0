//! Tells a customer's clients of messages as they are sent, in every process.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use platform::pubsub::PubSub;
use resolvers::id::IdKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Publishes sent messages.
#[derive(Clone)]
pub struct Live(pub Arc<dyn PubSub>);

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.0).finish()
    }
}

/// The channel on which a customer's messages are published as [`SentMessage`]s.
pub(crate) fn channel(customer: Uuid) -> String {
    format!("notifications:{}", IdKind::Customer.format(customer))
}

/// A sent message, complete enough that watchers need not read anything. Version 1; processes of adjacent versions
/// understand each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentMessage {
    version: u32,
    /// Numbers the customer's sent messages from 1, without gaps.
    pub position: i64,
    id: Uuid,
    customer_id: Uuid,
    order_id: Option<Uuid>,
    return_id: Option<Uuid>,
    category: NotificationCategory,
    channel: NotificationChannel,
    title: String,
    body: String,
    deep_link: Option<String>,
    scheduled_for: Option<DateTime<Utc>>,
    sent_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
}

impl SentMessage {
    /// `None` if it was not sent.
    pub(crate) fn of(row: &notification::Model) -> Option<Self> {
        Some(Self {
            version: 1,
            position: row.position?,
            id: row.id,
            customer_id: row.customer_id,
            order_id: row.order_id,
            return_id: row.return_id,
            category: row.category,
            channel: row.channel,
            title: row.title.clone(),
            body: row.body.clone(),
            deep_link: row.deep_link.clone(),
            scheduled_for: row.scheduled_for,
            sent_at: row.sent_at,
            created_at: row.created_at,
            read_at: row.read_at,
        })
    }

    pub(crate) fn into_row(self) -> notification::Model {
        let (customer, created_at) = (self.customer_id, self.created_at);
        notification::Model {
            id: self.id,
            order_id: self.order_id,
            return_id: self.return_id,
            title: self.title,
            body: self.body,
            deep_link: self.deep_link,
            status: DeliveryStatus::Sent,
            scheduled_for: self.scheduled_for,
            sent_at: self.sent_at,
            position: Some(self.position),
            read_at: self.read_at,
            ..notification::Model::new(customer, self.channel, self.category, created_at)
        }
    }
}

impl Live {
    /// Publishes a message that was sent. If that fails, watchers find it missing when they get the next one.
    pub async fn publish(&self, row: &notification::Model) {
        let Some(message) = SentMessage::of(row) else {
            return;
        };
        let message = match serde_json::to_vec(&message) {
            Ok(message) => Bytes::from(message),
            Err(error) => {
                tracing::error!(%error, "sent message cannot be published");
                return;
            }
        };
        if let Err(error) = self.0.publish(&channel(row.customer_id), message).await {
            let notification_id = IdKind::Notification.format(row.id);
            tracing::warn!(notification_id, %error, "sent message not published");
        }
    }
}
