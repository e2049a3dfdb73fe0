//! What is kept of customers, and for how long.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::{
    customer_settings, deal_queue, device_token, erased_customer, legacy_preference, notification,
    preference,
};
use platform::database::{Database, DatabaseTransaction};
use platform::inbox::ConsumerGroup;
use resolvers::erasure::{self, Erased, Eraser};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::notification_preferences::DEFAULT_TIMEZONE;
use crate::topic_membership::TopicRecorder;

pub use crate::customer_export::export;

pub(crate) const CUSTOMERS: ConsumerGroup = ConsumerGroup {
    name: "notifications.customers",
    topics: &[erasure::TOPIC],
};

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

/// Erases a customer in a transaction of its own, and returns of how many messages something was deleted; see
/// [`EraseMessages`].
pub async fn erase_customer(
    database: &Database,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let transaction = database.begin().await?;
    let erased = erasure::erase(&EraseMessages, &transaction, customer, now, now).await?;
    transaction.commit().await?;
    let messages = erased.and_then(|erased| erased.rows.get(MESSAGES).copied());
    Ok(messages.unwrap_or_default())
}

/// The table of messages.
const MESSAGES: &str = "notifications";

/// Deletes a customer's devices, preferences, settings and waiting deals, and the texts of their messages, none of which
/// is sent any more, given up or not. The devices leave their push topics in the background. What remains of a message is
/// when it was sent, by which channel, and about which order. That the customer was erased is recorded: nothing is sent to
/// them from then on, unless they have asked for messages since the moment as of which they are erased. What they have
/// chosen since then stays, and so do their devices.
#[derive(Clone, Copy, Debug)]
pub struct EraseMessages;

#[async_trait]
impl Eraser for EraseMessages {
    async fn erase(
        &self,
        transaction: &DatabaseTransaction,
        customer: Uuid,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Erased, DbErr> {
        let mut erased = Erased::default();
        let known = customer_settings::of_customers(transaction, &[customer]).await?;
        // Waits for changes that are being made, and adds a row if there is none.
        customer_settings::lock(transaction, customer, DEFAULT_TIMEZONE).await?;
        let messages = notification::erase_customer(transaction, customer, now).await?;
        erased.count(MESSAGES, messages);
        let deals = deal_queue::delete_of_customer(transaction, customer).await?;
        erased.count("deal_queue", deals);
        let devices = device_token::of_customer(transaction, customer).await?;
        let devices = devices
            .into_iter()
            .filter(|device| device.created_at <= until);
        let tokens: Vec<String> = devices.map(|device| device.token).collect();
        let topics = TopicRecorder {
            transaction,
            customer,
            now,
            due_at: Some(now),
        };
        topics.remove_devices(&tokens).await?;
        let devices = device_token::delete_of_customer(transaction, customer, until).await?;
        erased.count("device_tokens", devices);
        let cells = preference::delete_of_customer(transaction, customer, until).await?;
        erased.count("preferences", cells);
        // Otherwise a repair would compute preferences again.
        let legacy = legacy_preference::delete(transaction, customer).await?;
        erased.count("legacy_preferences", legacy);
        let settings = customer_settings::delete(transaction, customer, until).await?;
        if !known.is_empty() {
            erased.count("customer_settings", settings);
        }
        if !has_come_back(transaction, customer).await? {
            erased_customer::insert(transaction, customer, now).await?;
        }
        Ok(erased)
    }
}

/// Whether a customer of whom everything old is deleted has asked for messages.
async fn has_come_back(transaction: &DatabaseTransaction, customer: Uuid) -> Result<bool, DbErr> {
    let one = [customer];
    let cells = preference::of_customers(transaction, &one).await?;
    let is_on = cells.values().flatten().any(|cell| cell.enabled);
    let settings = customer_settings::of_customers(transaction, &one).await?;
    let mut settings = settings.values();
    Ok(is_on || settings.any(|row| row.locale.is_some() || row.phone.is_some()))
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
