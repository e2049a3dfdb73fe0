//! The inbox: events from other domains take effect exactly once, however often they are delivered.
//!
//! A [`Subscriber`] names the topics it reads and the handler for their events. [`Receiver`] stores events from the bus
//! in the domain's own database, where they are safe; [`Deliverer`] passes them to the handler, each in a transaction
//! that also records the event as handled. Failures are retried, then kept as dead letters.

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

/// Records in the effect's transaction that the consumer has handled this event. Returns whether it is the first time;
/// only then may the effect be applied. The id is the event's own, ours or a third party's. Concurrent calls wait for
/// each other.
pub async fn consume_once(
    transaction: &DatabaseTransaction,
    consumer: &str,
    event_id: impl fmt::Display,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    inbox_event::record(transaction, consumer, &event_id.to_string(), now).await
}

/// A domain's consumer group, as the domains whose events it reads know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// Must never change: under another name, every event would be new. `orders.tracking`, ….
    pub name: &'static str,
    pub topics: &'static [&'static str],
}

/// A domain's consumer: its group and its handler.
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

/// Handles a consumer's events.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Applies the event in this transaction, which is committed afterwards. Called again after a failure. Events of
    /// one aggregate arrive in order, except those given up. Return `Ok` for an event to be ignored.
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError>;
}

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// Temporary: it may work later.
    #[error("{0}")]
    Later(String),
    /// Permanent: the event is given up at once.
    #[error("the event cannot be understood: {0}")]
    Unusable(String),
}

impl HandleError {
    /// The kind of failure, for traces.
    fn name(&self) -> &'static str {
        match self {
            Self::Database(_) => "database",
            Self::Later(_) => "later",
            Self::Unusable(_) => "unusable",
        }
    }
}

/// Parses the payload of an event of this type; `None` for an event of another type.
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

/// How many received events are waiting for this consumer.
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

/// Deliveries that failed and will be retried, oldest first.
pub async fn failing(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<inbox_delivery::Model>, DbErr> {
    inbox_delivery::failing(db, limit).await
}

/// Retries given-up and failed deliveries at once: those of these events, or all. Returns how many there were.
pub async fn requeue(
    db: &impl ConnectionTrait,
    events: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    inbox_delivery::requeue(db, events, now).await
}
