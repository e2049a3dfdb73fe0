//! What is kept of customers, and for how long.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::{
    customer_settings, deal_queue, device_token, legacy_preference, notification, preference,
};
use platform::database::{Database, DatabaseTransaction};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::notification_preferences::DEFAULT_TIMEZONE;
use crate::topic_membership::TopicRecorder;

/// Rows per statement, so that a sweep never blocks other writes for long.
const BATCH: u64 = 1_000;

/// Deletes the texts of messages that are kept no longer, and returns of how many.
pub async fn sweep_texts(
    database: &Database,
    retention: Duration,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let retention = TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX);
    let Some(before) = now.checked_sub_signed(retention) else {
        return Ok(0);
    };
    let mut total = 0;
    loop {
        let deleted = notification::delete_texts(database.write(), before, now, BATCH).await?;
        total += deleted;
        if deleted < BATCH {
            return Ok(total);
        }
    }
}

/// Erases a customer in a transaction of its own; see [`erase`].
pub async fn erase_customer(
    database: &Database,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let transaction = database.begin().await?;
    let messages = erase(&transaction, customer, now).await?;
    transaction.commit().await?;
    Ok(messages)
}

/// Deletes a customer's devices, preferences, settings and waiting deals, and the texts of their messages, none of which
/// is sent any more. The devices leave their push topics in the background. What remains of a message is when it was sent,
/// by which channel, and about which order. Doing so twice changes nothing more. Returns how many messages there are.
pub async fn erase(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    // Waits for changes that are being made.
    customer_settings::lock(transaction, customer, DEFAULT_TIMEZONE).await?;
    let messages = notification::erase_customer(transaction, customer, now).await?;
    deal_queue::delete_of_customer(transaction, customer).await?;
    let devices = device_token::of_customer(transaction, customer).await?;
    let tokens: Vec<String> = devices.into_iter().map(|device| device.token).collect();
    let topics = TopicRecorder {
        transaction,
        customer,
        now,
        due_at: Some(now),
    };
    topics.remove_devices(&tokens).await?;
    device_token::delete_of_customer(transaction, customer).await?;
    preference::delete_of_customer(transaction, customer).await?;
    // Otherwise a repair would compute preferences again.
    legacy_preference::delete(transaction, customer).await?;
    customer_settings::delete(transaction, customer).await?;
    Ok(messages)
}
