//! Delivers a consumer's events to its handler. One transaction per event records the event, applies its effect and
//! removes it from the queue, or does none of these. Any number of processes may deliver for one consumer.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use metrics::{counter, gauge};
use sea_orm::DbErr;
use tracing::Span;

use super::{HandleError, Subscriber, consume_once};
use crate::bus::Event;
use crate::database::DatabaseTransaction;
use crate::outbox::as_float;
use crate::panics;
use crate::queue::{self, QueueWorker, Round};
use crate::retry::{RetryPolicy, describe};
use crate::tables::inbox_delivery;
use crate::tables::queue::Queue;
use crate::telemetry::traces;
use crate::telemetry::traces::messages::{self, Process};
use crate::workers::WorkerContext;

/// Time limit for handling one event.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Delivers to one consumer.
#[derive(Clone, Debug)]
pub struct Deliverer {
    context: WorkerContext,
    subscriber: Subscriber,
    retries: RetryPolicy,
}

impl Deliverer {
    pub fn new(context: WorkerContext, subscriber: Subscriber) -> Self {
        Self {
            context,
            subscriber,
            retries: RetryPolicy::DEFAULT,
        }
    }

    /// Delivers until shutdown.
    pub async fn run(mut self) {
        let context = self.context.clone();
        let name = format!("inbox of {}", self.subscriber.group.name);
        queue::work_through(&context, Queue::Inbox, &name, &mut self).await;
    }

    /// One step of [`Self::run`]: delivers one event, and returns whether there was one.
    pub async fn deliver_next(&self) -> Result<bool, DbErr> {
        let database = &self.context.database;
        let (consumer, now) = (self.subscriber.group.name, self.context.clock.now());
        if !inbox_delivery::is_any_due(database.read(), consumer, now).await? {
            return Ok(false);
        }
        let transaction = database.begin().await?;
        let Some(row) = inbox_delivery::lock_next(&transaction, consumer, now).await? else {
            // Another process has just taken it.
            transaction.rollback().await;
            return Ok(false);
        };
        let span = span(consumer, &row);
        let delivered = traces::run(span.clone(), self.deliver(transaction, &row, &span));
        delivered.await.map(|()| true)
    }

    /// Delivers a locked event, in this span.
    async fn deliver(
        &self,
        transaction: DatabaseTransaction,
        row: &inbox_delivery::Model,
        span: &Span,
    ) -> Result<(), DbErr> {
        let consumer = self.subscriber.group.name;
        match self.effect(&transaction, row).await {
            Ok(()) => {
                inbox_delivery::delete(&transaction, row).await?;
                transaction.commit().await?;
                counter!("vantage_inbox_handled_total", "consumer" => consumer).increment(1);
                let domain = self.context.database.domain();
                self.context.bus.handled(domain, &event(row)).await;
            }
            Err(error) => {
                traces::fail(span, error.name());
                transaction.rollback().await;
                self.failed(row, &error).await?;
            }
        }
        Ok(())
    }

    async fn effect(
        &self,
        transaction: &DatabaseTransaction,
        row: &inbox_delivery::Model,
    ) -> Result<(), HandleError> {
        let now = self.context.clock.now();
        if !consume_once(transaction, self.subscriber.group.name, row.event_id, now).await? {
            return Ok(());
        }
        let event = event(row);
        let handling = self.subscriber.handler.handle(transaction, &event, now);
        match tokio::time::timeout(TIMEOUT, panics::catch(handling)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(message)) => Err(HandleError::Later(format!(
                "the handler panicked: {message}"
            ))),
            Err(_) => Err(HandleError::Later(format!(
                "the handler took longer than {TIMEOUT:?}"
            ))),
        }
    }

    async fn failed(&self, row: &inbox_delivery::Model, error: &HandleError) -> Result<(), DbErr> {
        let (consumer, now) = (self.subscriber.group.name, self.context.clock.now());
        let again = match error {
            HandleError::Unusable(_) => None,
            HandleError::Database(_) | HandleError::Later(_) => {
                self.retries.next(row.attempts + 1, now)
            }
        };
        let told = describe(error);
        inbox_delivery::record_failure(self.context.database.write(), row, again, &told, now)
            .await?;
        tracing::warn!(error = told, event = %row.event_id, consumer, "event not handled, will be retried");
        counter!("vantage_inbox_retries_total", "consumer" => consumer).increment(1);
        if again.is_none() {
            tracing::error!(event = %row.event_id, consumer, "event given up");
            counter!("vantage_inbox_dead_letters_total", "consumer" => consumer).increment(1);
        }
        Ok(())
    }
}

#[async_trait]
impl QueueWorker for Deliverer {
    async fn work(&mut self) -> Result<Round, DbErr> {
        Ok(match self.deliver_next().await? {
            true => Round::Worked,
            false => Round::Idle,
        })
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, DbErr> {
        let db = self.context.database.read();
        inbox_delivery::next_due(db, self.subscriber.group.name).await
    }

    async fn measure(&self) {
        let (db, consumer) = (self.context.database.read(), self.subscriber.group.name);
        if let Ok(waiting) = inbox_delivery::count_waiting(db, consumer).await {
            gauge!("vantage_inbox_waiting", "consumer" => consumer)
                .set(as_float(i64::try_from(waiting).unwrap_or(i64::MAX)));
        }
        if let Ok(dead) = inbox_delivery::count_dead(db, consumer).await {
            gauge!("vantage_inbox_dead_letters", "consumer" => consumer)
                .set(as_float(i64::try_from(dead).unwrap_or(i64::MAX)));
        }
    }
}

/// The span of a delivery for traces: a trace of its own, since the event may be old, with a link to the one that wrote it.
fn span(consumer: &str, row: &inbox_delivery::Model) -> Span {
    let Some(traceparent) = &row.traceparent else {
        return Span::none();
    };
    let message = Process {
        destination: &row.topic,
        id: row.event_id.to_string(),
        consumer: Some(consumer),
        event_type: Some(&row.event_type),
        attempts: None,
    };
    messages::process(&Span::none(), traceparent, &message)
}

fn event(row: &inbox_delivery::Model) -> Event {
    Event {
        id: row.event_id,
        topic: row.topic.clone(),
        event_type: row.event_type.clone(),
        aggregate_id: row.aggregate_id.clone(),
        sequence: row.sequence,
        occurred_at: row.occurred_at,
        data: row.data.clone(),
        traceparent: row.traceparent.clone(),
    }
}
