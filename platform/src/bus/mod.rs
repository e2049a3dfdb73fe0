//! Events between domains, in the terms of a log: topics, a key that keeps order, consumer groups
//! that each see every event at least once, and a commit when they are done with it.
//!
//! Two forms: within the process, and over Redis Streams for several processes. A Kafka topic
//! fits the same interface: the key is the aggregate's id, the group is the consumer's name.

mod in_process;
mod redis;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use in_process::InProcessBus;
pub use redis::RedisBus;

/// Something that happened in a domain, as every other domain may read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub id: Uuid,
    /// Where it is published: `orders.events`, ….
    pub topic: String,
    /// What happened: `order.delivered`, ….
    #[serde(rename = "type")]
    pub event_type: String,
    /// The public id of what it happened to; the key of the log.
    pub aggregate_id: String,
    /// Counts the events of one aggregate in its topic, from 1.
    pub sequence: i64,
    pub occurred_at: DateTime<Utc>,
    /// Versioned by its own `version`.
    pub data: serde_json::Value,
}

/// Why an event could not be published or received.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// It is nobody's fault: the same will work later.
    #[error("the event bus is not available: {0}")]
    Unavailable(Arc<str>),
    /// This event will not be taken, however often it is offered.
    #[error("the event bus refused the event: {0}")]
    Refused(Arc<str>),
    /// The address is no address.
    #[error("the event bus's address is not valid: {0}")]
    Address(Arc<str>),
}

/// What has become of a published event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Every group has committed it: nobody needs it anymore.
    Confirmed,
    /// The log has it. Groups have yet to read it, and a log may lose its past.
    Logged(LogPosition),
}

/// Where a log has an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// Which log it is. A log that has lost any of its past is another one.
    pub log: String,
    /// Sorts as text in the order of the log.
    pub offset: String,
}

/// How far the groups of a topic are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    pub log: String,
    /// The oldest that it still has; `None` when it has nothing.
    pub oldest: Option<String>,
    /// Every group that reads it, with the offset up to which it has committed everything.
    pub groups: HashMap<String, String>,
}

/// A log of events by topic.
#[async_trait]
pub trait EventBus: fmt::Debug + Send + Sync {
    /// Publishes each event, in their order, and gives an outcome for each.
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>>;

    /// The state of a topic's log; `None` on a bus that has none, whose receipts all say
    /// [`Receipt::Confirmed`].
    async fn log(&self, topic: &str) -> Result<Option<LogState>, BusError>;

    /// Joins a group that reads these topics. A new group begins at the oldest event that the log
    /// keeps; an event goes to one consumer of each group.
    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError>;

    /// Whether events reach other processes.
    fn is_shared(&self) -> bool;
}

/// A member of a consumer group.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for events. Those of one aggregate come in order; what was received and not
    /// committed comes again.
    async fn receive(&mut self) -> Result<Vec<Arc<Event>>, BusError>;

    /// The group is done with all that this member received.
    async fn commit(&mut self) -> Result<(), BusError>;

    /// Lets another member take over at once. Without it they notice by themselves.
    async fn leave(&mut self) {}
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event of an aggregate.
    pub(crate) fn event(topic: &str, aggregate: &str, sequence: i64) -> Arc<Event> {
        Arc::new(Event {
            id: Uuid::now_v7(),
            topic: topic.to_owned(),
            event_type: "thing.happened".to_owned(),
            aggregate_id: aggregate.to_owned(),
            sequence,
            occurred_at: DateTime::UNIX_EPOCH,
            data: serde_json::json!({ "version": 1 }),
        })
    }

    #[test]
    fn an_event_is_written_as_the_design_names_its_parts() {
        let mut event = Arc::unwrap_or_clone(event("orders.events", "ord_1", 3));
        event.id = Uuid::nil();
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000000","topic":"orders.events","type":"thing.happened","aggregateId":"ord_1","sequence":3,"occurredAt":"1970-01-01T00:00:00Z","data":{"version":1}}"#
        );
    }
}
