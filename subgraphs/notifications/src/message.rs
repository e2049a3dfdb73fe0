//! Messages to customers: the only way to create one, and to have it sent. Each is a row of the delivery log and a task
//! that sends it.

use chrono::{DateTime, Utc};
use entities::notifications::notification;
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use entities::notifications::{customer_settings, erased_customer};
use platform::database::{Database, DatabaseTransaction};
use platform::inbox::HandleError;
use platform::tasks;
use sea_orm::DbErr;
use serde_json::Value;
use uuid::Uuid;

use crate::message_task::SendMessage;
use crate::templates::{DEFAULT_LOCALE, TemplateError, Templates};

/// A message to create.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What it is about: there is one message for each event, customer and channel.
    pub event_id: Uuid,
    pub customer_id: Uuid,
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    /// One of [`crate::templates::EVENTS`].
    pub template: &'static str,
    /// The values that the template shows.
    pub data: Value,
    pub order_id: Option<Uuid>,
    pub return_id: Option<Uuid>,
    pub deep_link: Option<String>,
    pub schedule: Schedule,
}

/// When a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    Now,
    /// Not before [`release`] is called, which is expected for `at`, and not from `expires_at` on.
    Held {
        at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    },
}

/// Why a message was not created.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("the notifications database failed: {0}")]
    Database(#[from] DbErr),
}

impl From<MessageError> for HandleError {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::Template(error) => Self::Unusable(error.to_string()),
            MessageError::Database(error) => Self::Database(error),
        }
    }
}

/// Creates a message in the language of its customer. One to a customer who was erased is only recorded: it has no texts
/// and is not sent. Returns its id, or `None` if there is one already for this event, customer and channel.
pub async fn create(
    transaction: &DatabaseTransaction,
    templates: &Templates,
    new: NewMessage,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, MessageError> {
    let customer = new.customer_id;
    if erased_customer::exists(transaction, customer).await? {
        let row = row(new, String::new(), String::new(), now).of_erased_customer(now);
        let id = row.id;
        let is_new = notification::insert(transaction, row).await?;
        return Ok(is_new.then_some(id));
    }
    let settings = customer_settings::of_customers(transaction, &[customer]).await?;
    let locale = settings
        .get(&customer)
        .and_then(|row| row.locale.as_deref());
    let text = templates.text(new.template, locale.unwrap_or(DEFAULT_LOCALE), &new.data)?;
    let schedule = new.schedule;
    let row = row(new, text.title, text.body, now);
    let id = row.id;
    if !notification::insert(transaction, row).await? {
        return Ok(None);
    }
    if schedule == Schedule::Now {
        tasks::enqueue(transaction, &SendMessage { id }, now, now).await?;
    }
    Ok(Some(id))
}

/// A new message with these texts.
pub(crate) fn row(
    new: NewMessage,
    title: String,
    body: String,
    now: DateTime<Utc>,
) -> notification::Model {
    let (scheduled_for, expires_at) = match new.schedule {
        Schedule::Now => (None, None),
        Schedule::Held { at, expires_at } => (Some(at), Some(expires_at)),
    };
    notification::Model {
        order_id: new.order_id,
        title,
        body,
        deep_link: new.deep_link,
        scheduled_for,
        event_id: Some(new.event_id),
        return_id: new.return_id,
        template: Some(new.template.to_owned()),
        data: Some(new.data),
        expires_at,
        ..notification::Model::new(new.customer_id, new.channel, new.category, now)
    }
}

/// Has a held message sent at this time, if it was neither sent nor suppressed before.
pub async fn release(
    transaction: &DatabaseTransaction,
    id: Uuid,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let is_open = notification::schedule(transaction, id, at).await?;
    if is_open {
        tasks::enqueue(transaction, &SendMessage { id }, at, now).await?;
    }
    Ok(is_open)
}

/// Messages requeued per transaction.
const BATCH: u64 = 500;

/// Sends messages again that were given up: these, or all. Returns how many.
pub async fn requeue(
    database: &Database,
    ids: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut total = 0;
    loop {
        let transaction = database.begin().await?;
        let requeued = notification::requeue(&transaction, ids, now, BATCH).await?;
        for row in &requeued {
            let task = SendMessage { id: row.id };
            tasks::enqueue(&transaction, &task, now, now).await?;
        }
        transaction.commit().await?;
        total += requeued.len() as u64;
        if (requeued.len() as u64) < BATCH {
            return Ok(total);
        }
    }
}
