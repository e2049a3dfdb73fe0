//! The transactional outbox: an event is a row, written in the transaction of the change it tells
//! of. Nothing is told that did not happen, and nothing that happened is forgotten.
//!
//! [`append`] writes it; [`Publisher`] takes it to the bus afterwards, at least once, in order for
//! each aggregate. The row is kept until every consumer group has committed the event: should the bus
//! lose its past, it is published again.

mod publisher;
mod reconciliation;
#[cfg(test)]
pub(crate) mod tests;

use crate::database::DatabaseTransaction;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr};
use serde::Serialize;
use uuid::Uuid;

use crate::tables::{outbox_event, outbox_sequence};

pub use publisher::Publisher;
pub(crate) use publisher::as_float;

/// An event to be told. `data` is the versioned JSON that consumers read.
#[derive(Debug)]
pub struct NewEvent<'a, D> {
    /// Where it is published: `orders.events`, `returns.events`, ….
    pub topic: &'a str,
    /// What happened: `return.initiated`, ….
    pub event_type: &'a str,
    /// The public id of what it happened to. Events of one aggregate are published in order.
    pub aggregate_id: &'a str,
    pub data: D,
}

/// Writes the event with the change, giving it the next sequence number of its aggregate.
///
/// Transactions that append to one aggregate take turns: the second waits until the first ends.
/// Commit with [`Database::commit`](crate::database::Database::commit), and it is on its way at
/// once.
pub async fn append<D: Serialize>(
    transaction: &DatabaseTransaction,
    event: NewEvent<'_, D>,
    now: DateTime<Utc>,
) -> Result<Uuid, DbErr> {
    let data = serde_json::to_value(event.data).map_err(|e| DbErr::Json(e.to_string()))?;
    let sequence = outbox_sequence::next(transaction, event.topic, event.aggregate_id).await?;
    let id = Uuid::now_v7();
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
    }
    .insert(transaction)
    .await?;
    Ok(id)
}

/// Events that were given up, oldest first.
pub async fn dead_letters(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<outbox_event::Model>, DbErr> {
    outbox_event::dead(db, limit).await
}

/// Events that were refused, or found no bus, and will be tried again, oldest first.
pub async fn failing(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<outbox_event::Model>, DbErr> {
    outbox_event::failing(db, limit).await
}

/// Has events that were given up or refused, these or all, tried at once, and says how many there were.
pub async fn requeue(
    db: &impl ConnectionTrait,
    events: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    outbox_event::requeue(db, events, now).await
}
