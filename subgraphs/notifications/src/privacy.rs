//! What is kept of customers, and for how long.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::{
    customer_settings, deal_queue, device_token, erased_customer, legacy_preference, notification,
    preference,
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

/// Whether anything is known of the customer, if only that they were erased.
pub async fn is_known(database: &Database, customer: Uuid) -> Result<bool, DbErr> {
    let (db, one) = (database.write(), [customer]);
    Ok(erased_customer::exists(db, customer).await?
        || customer_settings::of_customers(db, &one)
            .await?
            .contains_key(&customer)
        || notification::count(db, customer, &notification::Filter::default()).await? > 0
        || preference::of_customers(db, &one)
            .await?
            .contains_key(&customer)
        || legacy_preference::find(db, customer).await?.is_some()
        || device_token::count(db, customer).await? > 0)
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
/// is sent any more, given up or not. The devices leave their push topics in the background. What remains of a message is
/// when it was sent, by which channel, and about which order. That the customer was erased is recorded: nothing is sent to
/// them from then on. Doing so twice changes nothing more. Returns of how many messages something was deleted.
pub async fn erase(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    // Waits for changes that are being made.
    customer_settings::lock(transaction, customer, DEFAULT_TIMEZONE).await?;
    erased_customer::insert(transaction, customer, now).await?;
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

#[cfg(test)]
mod tests {
    use entities::notifications::notification::CUSTOMER_DELETED;

    use crate::rules::send_decision::SuppressReason;

    #[test]
    fn the_reason_is_the_one_with_which_a_customers_messages_are_erased() {
        assert_eq!(SuppressReason::CustomerDeleted.into_str(), CUSTOMER_DELETED);
    }
}
