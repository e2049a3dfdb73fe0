//! What is kept of customers, and for how long.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::{customer_settings, device_token, notification, preference};
use platform::database::Database;
use sea_orm::DbErr;
use uuid::Uuid;

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

/// Deletes a customer's devices, preferences and settings and the texts of their messages, none of which is sent any
/// more. What remains of a message is when it was sent, by which channel, and about which order. Returns how many
/// messages there are.
pub async fn erase_customer(
    database: &Database,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let transaction = database.begin().await?;
    let messages = notification::erase_customer(&transaction, customer, now).await?;
    device_token::delete_of_customer(&transaction, customer).await?;
    preference::delete_of_customer(&transaction, customer).await?;
    customer_settings::delete(&transaction, customer).await?;
    transaction.commit().await?;
    Ok(messages)
}
