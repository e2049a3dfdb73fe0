//! The task that sends a message: reads the customer's preferences at that moment, writes the message, hands it to a
//! provider, and records the outcome.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::{
    customer_settings, erased_customer, notification_position, preference,
};
use metrics::counter;
use platform::clock::Clock;
use platform::database::Database;
use platform::tasks::{Retry, Step, Task, TaskError};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::channels::{Delivery, Outgoing, Receipt, SendError};
use crate::notification_preferences::{matrix, zone};
use crate::rules::preference_matrix::{Cell, NotificationCategory};
use crate::rules::quiet_hours;
use crate::rules::send_decision::{Candidate, Decision, SuppressReason, decide};
use crate::templates::DEFAULT_LOCALE;

/// How long a message is tried before it is given up.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(24);

/// The dependencies of the task.
#[derive(Clone, Debug)]
pub struct MessageTaskState {
    pub database: Database,
    pub clock: Clock,
    pub delivery: Delivery,
}

/// Sends a message.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SendMessage {
    pub id: Uuid,
}

#[async_trait]
impl Task for SendMessage {
    const KIND: &'static str = "send_message";
    const RETRY: Retry = Retry {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(15 * 60),
        longest_in_outage: Duration::from_secs(60),
        // About half an hour.
        alert_after: 12,
        ..Retry::DEFAULT
    };
    type State = MessageTaskState;

    fn key(&self) -> Uuid {
        self.id
    }

    fn subject(&self) -> String {
        IdKind::Notification.format(self.id)
    }

    async fn run(&self, state: &MessageTaskState, _: u32) -> Result<Step, TaskError> {
        let db = state.database.write();
        let Some(row) = notification::by_id(db, self.id).await? else {
            return Ok(Step::Done);
        };
        let (customer, now) = (row.customer_id, state.clock.now());
        let mut cells = preference::of_customers(db, &[customer]).await?;
        let matrix = matrix(&cells.remove(&customer).unwrap_or_default());
        let cell = matrix.cell(row.channel, row.category);
        let quiet_until = quiet_until(state, &row, cell, now).await?;
        let candidate = Candidate {
            status: row.status,
            scheduled_for: row.scheduled_for.max(quiet_until),
            expires_at: row.expires_at,
            is_erased: erased_customer::exists(db, customer).await?,
            cell,
        };
        match decide(&candidate, now) {
            Decision::Settled => {
                // Its process may have died before it told the customer's clients.
                state.delivery.live.publish(&row).await;
                Ok(Step::Done)
            }
            Decision::WaitUntil(at) => Ok(Step::RetryAt(at)),
            Decision::Suppress(reason) => {
                let message = Message { state, row };
                message.stop(reason).await?;
                Ok(Step::Done)
            }
            Decision::Send => Message { state, row }.send().await,
        }
    }
}

/// When the quiet hours end in which a deal is not sent. One that was due before may be sent only now, since its provider
/// failed.
async fn quiet_until(
    state: &MessageTaskState,
    row: &notification::Model,
    cell: &Cell,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    if row.category != NotificationCategory::Deals || cell.quiet_hours.is_none() {
        return Ok(None);
    }
    let db = state.database.write();
    let settings = customer_settings::of_customers(db, &[row.customer_id]).await?;
    let zone = zone(settings.get(&row.customer_id));
    let at = quiet_hours::earliest(now, cell.quiet_hours, zone);
    Ok((at > now).then_some(at))
}

/// A message that is not sent yet.
struct Message<'a> {
    state: &'a MessageTaskState,
    row: notification::Model,
}

/// How an attempt ended, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
enum Outcome {
    Sent,
    Failed,
    DeadLettered,
    Suppressed,
}

impl Message<'_> {
    async fn send(self) -> Result<Step, TaskError> {
        let (db, now) = (self.state.database.write(), self.state.clock.now());
        let settings = self.settings().await?;
        // Recorded first, so that the log shows an attempt whose process dies.
        if !notification::begin_attempt(db, self.row.id, now).await? {
            return Ok(Step::Done);
        }
        let outgoing = self.outgoing(settings.as_ref(), now);
        match self.state.delivery.send(&outgoing).await {
            Ok(receipt) => {
                self.sent(&receipt).await?;
                Ok(Step::Done)
            }
            Err(SendError::NotWanted(reason)) => {
                self.suppress(reason).await?;
                Ok(Step::Done)
            }
            Err(SendError::Refused(reason)) => {
                self.not_sent(Outcome::DeadLettered, &reason).await?;
                Ok(Step::Done)
            }
            Err(SendError::Later(error)) => {
                let since = self.row.scheduled_for.unwrap_or(self.row.created_at);
                if self.state.clock.now() - since >= GIVE_UP_AFTER {
                    self.not_sent(Outcome::DeadLettered, &error.to_string())
                        .await?;
                    return Ok(Step::Done);
                }
                self.not_sent(Outcome::Failed, &error.to_string()).await?;
                Err(error)
            }
        }
    }

    async fn settings(&self) -> Result<Option<customer_settings::Model>, DbErr> {
        let (db, customer) = (self.state.database.write(), self.row.customer_id);
        let mut settings = customer_settings::of_customers(db, &[customer]).await?;
        Ok(settings.remove(&customer))
    }

    fn outgoing<'a>(
        &'a self,
        settings: Option<&'a customer_settings::Model>,
        now: DateTime<Utc>,
    ) -> Outgoing<'a> {
        Outgoing {
            database: &self.state.database,
            now,
            row: &self.row,
            locale: settings
                .and_then(|row| row.locale.as_deref())
                .unwrap_or(DEFAULT_LOCALE),
            phone: settings.and_then(|row| row.phone.as_deref()),
        }
    }

    /// Records that it is not sent, or not to further devices if some have it from earlier attempts.
    async fn stop(&self, reason: SuppressReason) -> Result<(), DbErr> {
        if self.row.accepted_devices.is_none() {
            return self.suppress(reason).await;
        }
        let settings = self.settings().await?;
        let outgoing = self.outgoing(settings.as_ref(), self.state.clock.now());
        match self.state.delivery.stopped(&outgoing, reason) {
            Some(receipt) => self.sent(&receipt).await,
            None => self.suppress(reason).await,
        }
    }

    /// Records that it was sent, if only to some devices, and tells the customer's clients.
    async fn sent(&self, receipt: &Receipt) -> Result<(), DbErr> {
        let at = self.state.clock.now();
        let stopped = receipt.stopped;
        let reason = stopped.map(|by| notification::partly_sent(by.reason.into_str(), by.devices));
        let is_erased =
            stopped.is_some_and(|stopped| stopped.reason == SuppressReason::CustomerDeleted);
        let is_first = if is_erased {
            self.set_sent_of_erased(receipt, reason.as_deref(), at)
                .await?
        } else {
            // The customer may have been erased since the provider accepted it.
            self.set_sent(receipt, reason.as_deref(), at).await?
                || self
                    .set_sent_of_erased(receipt, reason.as_deref(), at)
                    .await?
        };
        if is_first {
            self.count(Outcome::Sent);
        }
        let row = notification::by_id(self.state.database.write(), self.row.id).await?;
        let row = row.as_ref().unwrap_or(&self.row);
        self.state.delivery.live.publish(row).await;
        Ok(())
    }

    /// Returns whether it may have been sent still.
    async fn set_sent(
        &self,
        receipt: &Receipt,
        reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let transaction = self.state.database.begin().await?;
        let position = notification_position::next(&transaction, self.row.customer_id).await?;
        let sent = notification::Sent {
            title: &receipt.title,
            body: &receipt.body,
            provider: receipt.provider,
            provider_id: receipt.id.as_deref(),
            reason,
            position,
            at,
        };
        let is_first = notification::set_sent(&transaction, self.row.id, &sent).await?;
        if is_first {
            transaction.commit().await?;
        } else {
            transaction.rollback().await;
        }
        Ok(is_first)
    }

    /// Returns whether the customer was erased.
    async fn set_sent_of_erased(
        &self,
        receipt: &Receipt,
        reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let (id, provider) = (self.row.id, receipt.provider);
        let transaction = self.state.database.begin().await?;
        if receipt.stopped.is_some() {
            // Its customer may have been erased without knowing of it, so that it is still open.
            notification::erase_open(&transaction, id, at).await?;
        }
        let is_erased =
            notification::set_sent_of_erased(&transaction, id, provider, reason, at).await?;
        transaction.commit().await?;
        Ok(is_erased)
    }

    async fn suppress(&self, reason: SuppressReason) -> Result<(), DbErr> {
        if reason != SuppressReason::CustomerDeleted {
            return self.not_sent(Outcome::Suppressed, reason.into_str()).await;
        }
        // It may have been created while its customer was erased, so that its texts are still there.
        let (db, now) = (self.state.database.write(), self.state.clock.now());
        notification::erase_open(db, self.row.id, now).await?;
        self.count(Outcome::Suppressed);
        Ok(())
    }

    async fn not_sent(&self, outcome: Outcome, reason: &str) -> Result<(), DbErr> {
        let status = match outcome {
            Outcome::Suppressed => DeliveryStatus::Suppressed,
            Outcome::DeadLettered => DeliveryStatus::DeadLettered,
            Outcome::Failed | Outcome::Sent => DeliveryStatus::Failed,
        };
        notification::set_not_sent(self.state.database.write(), self.row.id, status, reason)
            .await?;
        self.count(outcome);
        if outcome == Outcome::DeadLettered {
            let notification_id = IdKind::Notification.format(self.row.id);
            let channel = self.row.channel.as_str();
            tracing::error!(
                notification_id,
                channel,
                reason,
                "message given up, see `vantage notifications dead-letters`"
            );
        }
        Ok(())
    }

    fn count(&self, outcome: Outcome) {
        counter!(
            "vantage_notifications_total",
            "channel" => self.row.channel.as_str(),
            "category" => self.row.category.as_str(),
            "outcome" => outcome.into_str(),
        )
        .increment(1);
    }
}
