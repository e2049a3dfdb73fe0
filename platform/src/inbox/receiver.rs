//! Stores a consumer's events from the bus in its domain's database, and only then commits them to the bus, so that
//! none is lost. Storing an event twice changes nothing.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::counter;
use sea_orm::DbErr;

use super::Subscriber;
use crate::backoff::Backoff;
use crate::bus::{BusError, Consumer, Event};
use crate::tables::inbox_delivery;
use crate::telemetry::traces;
use crate::telemetry::traces::messages::{self, Batch};
use crate::workers::WorkerContext;

/// Receives for one consumer.
pub struct Receiver {
    context: WorkerContext,
    name: &'static str,
    group: Box<dyn Consumer>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("received events cannot be stored: {0}")]
    Store(#[from] DbErr),
}

impl Receiver {
    /// Joins the consumer's group: it receives everything published from now on.
    pub fn join(context: WorkerContext, subscriber: &Subscriber) -> Result<Self, BusError> {
        Ok(Self {
            group: context
                .bus
                .subscribe(subscriber.group.topics, subscriber.group.name)?,
            name: subscriber.group.name,
            context,
        })
    }

    /// Receives until shutdown.
    pub async fn run(mut self) {
        let stop = self.context.stop.clone();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => break,
                received = self.receive() => received,
            };
            let wait = match received {
                Ok(()) => {
                    backoff.reset();
                    continue;
                }
                Err(error) => {
                    let is_watched = self.context.bus.is_shared();
                    if is_watched && matches!(error, ReceiveError::Bus(_)) {
                        tracing::debug!(%error, consumer = self.name, "events not received");
                    } else {
                        tracing::warn!(%error, consumer = self.name, "events not received");
                    }
                    backoff.next_wait()
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.group.leave().await;
    }

    /// Waits for events and stores them.
    pub(super) async fn receive(&mut self) -> Result<(), ReceiveError> {
        let events = self.group.receive().await?;
        let traceparents = events.iter().map(|event| event.traceparent.as_deref());
        let receive = Batch::Receive {
            consumer: self.name,
        };
        let span = messages::batch(receive, events.len(), traceparents);
        let stored = traces::run(span.clone(), store(&self.context, self.name, &events)).await;
        stored.inspect_err(|_| traces::fail(&span, "store"))?;
        self.group.commit().await?;
        counter!("vantage_inbox_received_total", "consumer" => self.name)
            .increment(events.len() as u64);
        Ok(())
    }
}

async fn store(
    context: &WorkerContext,
    consumer: &str,
    events: &[Arc<Event>],
) -> Result<(), DbErr> {
    let database = &context.database;
    let now = context.clock.now();
    let rows = events.iter().map(|event| delivery(consumer, event, now));
    let transaction = database.begin().await?;
    inbox_delivery::store(&transaction, rows.collect()).await?;
    transaction.commit().await
}

fn delivery(consumer: &str, event: &Arc<Event>, now: DateTime<Utc>) -> inbox_delivery::Model {
    inbox_delivery::Model {
        consumer: consumer.to_owned(),
        event_id: event.id,
        topic: event.topic.clone(),
        event_type: event.event_type.clone(),
        aggregate_id: event.aggregate_id.clone(),
        sequence: event.sequence,
        data: event.data.clone(),
        occurred_at: event.occurred_at,
        received_at: now,
        attempts: 0,
        next_attempt_at: now,
        last_error: None,
        dead_lettered_at: None,
        traceparent: event.traceparent.clone(),
    }
}
