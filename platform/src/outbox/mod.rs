//! The transactional outbox: an event is a row, written in the transaction of the change it describes. So an event
//! exists if and only if its change was committed.
//!
//! [`append`] writes it; [`Publisher`] then publishes it to the bus, at least once and in order within an aggregate.
//! The row is kept until every consumer group has committed the event: if the bus loses its history, the event is
//! published again.

mod publisher;
mod reconciliation;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;

use crate::bus::Event;
use crate::database::DatabaseTransaction;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::SelectStatement;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr};
use serde::Serialize;
use tracing::Instrument;
use uuid::Uuid;

use crate::tables::{outbox_event, outbox_sequence};
use crate::telemetry::traces::{self, messages};

pub use publisher::Publisher;
pub(crate) use publisher::as_float;

/// An event to publish. `data` is the versioned JSON that consumers read.
#[derive(Debug)]
pub struct NewEvent<'a, D> {
    /// The topic: `orders.events`, `returns.events`, ….
    pub topic: &'a str,
    /// What happened: `return.initiated`, ….
    pub event_type: &'a str,
    /// The aggregate's public id. Events of one aggregate are published in order.
    pub aggregate_id: &'a str,
    pub data: D,
}

/// Writes the event with the change, under its aggregate's next sequence number.
///
/// Transactions that append to the same aggregate wait for each other. Commit with
/// [`Database::commit`](crate::database::Database::commit) so that the event is published at once.
pub async fn append<D: Serialize>(
    transaction: &DatabaseTransaction,
    event: NewEvent<'_, D>,
    now: DateTime<Utc>,
) -> Result<Uuid, DbErr> {
    let span = messages::create(event.topic, Some(event.event_type));
    let traceparent = traces::traceparent(&span);
    insert(transaction, event, traceparent, now)
        .instrument(span)
        .await
}

async fn insert<D: Serialize>(
    transaction: &DatabaseTransaction,
    event: NewEvent<'_, D>,
    traceparent: Option<String>,
    now: DateTime<Utc>,
) -> Result<Uuid, DbErr> {
    let data = serde_json::to_value(event.data).map_err(|e| DbErr::Json(e.to_string()))?;
    let sequence = outbox_sequence::next(transaction, event.topic, event.aggregate_id).await?;
    let id = Uuid::now_v7();
    let announced = || Event {
        id,
        topic: event.topic.to_owned(),
        event_type: event.event_type.to_owned(),
        aggregate_id: event.aggregate_id.to_owned(),
        sequence,
        occurred_at: now,
        data: data.clone(),
        traceparent: traceparent.clone(),
    };
    transaction.announce(announced).await;
    outbox_event::ActiveModel {
        id: Set(id),
        topic: Set(event.topic.to_owned()),
        event_type: Set(event.event_type.to_owned()),
        aggregate_id: Set(event.aggregate_id.to_owned()),
        sequence: Set(sequence),
        data: Set(data),
        occurred_at: Set(now),
        published_at: Set(None),
        claimed_until: Set(None),
        attempts: Set(0),
        next_attempt_at: Set(now),
        last_error: Set(None),
        dead_lettered_at: Set(None),
        log: Set(None),
        log_offset: Set(None),
        confirmed_at: Set(None),
        traceparent: Set(traceparent),
    }
    .insert(transaction)
    .await?;
    Ok(id)
}

/// The number of each aggregate's last event; none for an aggregate without an event.
pub async fn last_sequences(
    db: &impl ConnectionTrait,
    topic: &str,
    aggregate_ids: &[String],
) -> Result<HashMap<String, i64>, DbErr> {
    outbox_sequence::last_of(db, topic, aggregate_ids).await
}

/// Selects the number of an aggregate's last event, for use within another statement: what both read is of one moment.
pub fn last_sequence_query(topic: &str, aggregate_id: &str) -> SelectStatement {
    outbox_sequence::last_query(topic, aggregate_id)
}

/// Makes others who append to this aggregate, or lock it, wait until the transaction ends. Whoever locks rows before
/// appending takes this first, so that nobody waits for each other.
pub async fn lock(
    transaction: &DatabaseTransaction,
    topic: &str,
    aggregate_id: &str,
) -> Result<(), DbErr> {
    outbox_sequence::lock(transaction, topic, aggregate_id).await
}

/// Events that were given up, oldest first.
pub async fn dead_letters(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<outbox_event::Model>, DbErr> {
    outbox_event::dead(db, limit).await
}

/// Events that were refused or found no bus and will be retried, oldest first.
pub async fn failing(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<outbox_event::Model>, DbErr> {
    outbox_event::failing(db, limit).await
}

/// Retries given-up and refused events at once: these or all. Returns how many there were.
pub async fn requeue(
    db: &impl ConnectionTrait,
    events: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    outbox_event::requeue(db, events, now).await
}
