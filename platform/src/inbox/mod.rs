//! The inbox: what a domain is told by the others has its effect once, however often it is told.
//!
//! A [`Subscriber`] names what it reads and what it does. [`Receiver`] takes events from the bus
//! into the domain's own database, where they are safe; [`Deliverer`] gives them to the handler,
//! each in a transaction that also records that it was handled. What fails is tried again, then
//! kept as a dead letter.

mod deliverer;
mod receiver;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::bus::Event;
use crate::database::DatabaseTransaction;
use crate::tables::{inbox_delivery, inbox_event};

pub use deliverer::Deliverer;
pub use receiver::Receiver;

/// Records in the transaction of an effect that the consumer has had this event, and says whether
/// it is the first time: only then may the effect be had. The id is the event's own, ours or a
/// third party's. Concurrent uses take turns.
pub async fn consume_once(
    transaction: &DatabaseTransaction,
    consumer: &str,
    event_id: impl fmt::Display,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    inbox_event::record(transaction, consumer, &event_id.to_string(), now).await
}

/// A consumer of a domain, as those know it whose events it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// Never changes: under another name, every event would be new. `orders.tracking`, ….
    pub name: &'static str,
    pub topics: &'static [&'static str],
}

/// A consumer of a domain: its group, and what it does with each event.
#[derive(Clone)]
pub struct Subscriber {
    pub group: ConsumerGroup,
    pub handler: Arc<dyn Handler>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// What a consumer does with an event.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Has the effect in this transaction, which is committed afterwards. Called again when it
    /// fails; events of one aggregate come in their order, but for those that were given up.
    /// An event that is of no interest is `Ok`.
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError>;
}

/// Why an event had no effect.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// It may work later.
    #[error("{0}")]
    Later(String),
    /// It will never work: the event is given up at once.
    #[error("the event cannot be understood: {0}")]
    Unusable(String),
}

/// What the domain reads of an event of this type; nothing of one of another type.
pub fn read<T: DeserializeOwned>(
    event: &Event,
    event_type: &str,
) -> Result<Option<T>, HandleError> {
    if event.event_type != event_type {
        return Ok(None);
    }
    T::deserialize(&event.data)
        .map(Some)
        .map_err(|error| HandleError::Unusable(error.to_string()))
}

/// How many events a consumer has received that wait for their effect.
pub async fn waiting(db: &impl ConnectionTrait, consumer: &str) -> Result<u64, DbErr> {
    inbox_delivery::count_waiting(db, consumer).await
}

/// Deliveries that were given up, oldest first.
pub async fn dead_letters(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<inbox_delivery::Model>, DbErr> {
    inbox_delivery::dead(db, limit).await
}

/// Deliveries that failed and will be tried again, oldest first.
pub async fn failing(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<inbox_delivery::Model>, DbErr> {
    inbox_delivery::failing(db, limit).await
}

/// Has deliveries of these events, or all, that were given up or failed tried at once, and says how many there were.
pub async fn requeue(
    db: &impl ConnectionTrait,
    events: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    inbox_delivery::requeue(db, events, now).await
}
