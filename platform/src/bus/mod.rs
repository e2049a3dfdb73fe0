//! Events between domains, modelled as a log: topics, an ordering key, and consumer groups that each see every event at
//! least once and commit what they have processed.
//!
//! Three implementations: in process, and for several processes Redis Streams and Kafka. In Kafka, an event's key is its
//! aggregate's id, and a topic has a log for each partition.

mod in_process;
mod kafka;
mod redis;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use in_process::InProcessBus;
pub use kafka::{KafkaBus, KafkaConfig, KafkaSasl, KafkaTls, SaslMechanism};
pub use redis::RedisBus;
pub use watch::watch;

/// Something that happened in a domain, in the form other domains may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Consumers recognize by it an event that they have already.
    #[schemars(extend("format" = "uuid"), with = "String")]
    pub id: Uuid,
    /// The topic: `orders.events`, ….
    pub topic: String,
    /// What happened: `order.delivered`, ….
    #[serde(rename = "type")]
    pub event_type: String,
    /// The public id of the aggregate; the log's ordering key.
    pub aggregate_id: String,
    /// Numbers the events of one aggregate within its topic, from 1.
    pub sequence: i64,
    pub occurred_at: DateTime<Utc>,
    /// The payload, with a `version` of its own.
    pub data: serde_json::Value,
    /// The span that wrote it, in the form of W3C Trace Context, if it was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Event {
    /// When that happened which it reports, if its author knows: nothing can have happened after the event.
    pub fn happened_at(&self, reported: Option<DateTime<Utc>>) -> DateTime<Utc> {
        reported.map_or(self.occurred_at, |at| at.min(self.occurred_at))
    }
}

/// Why an event could not be published or received.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// Temporary: the same call will work later.
    #[error("the event bus is not available: {0}")]
    Unavailable(Arc<str>),
    /// The bus will never accept this event.
    #[error("the event bus refused the event: {0}")]
    Refused(Arc<str>),
    /// The address is not valid.
    #[error("the event bus's address is not valid: {0}")]
    Address(Arc<str>),
}

/// The outcome of publishing an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Every group has committed it; it can be forgotten.
    Confirmed,
    /// The log has stored it. Groups have yet to read it, and the log may lose its history.
    Logged(LogPosition),
}

/// The position of an event in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// Identifies the log. A log that has lost any of its history gets a new identity.
    pub log: String,
    /// Sorts as text in log order.
    pub offset: String,
}

/// The progress of consumer groups in one log of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    pub log: String,
    /// The oldest offset still stored; `None` when the log is empty.
    pub oldest: Option<String>,
    /// The groups that have committed something of this log, with the offset up to which each has committed everything.
    pub groups: HashMap<String, String>,
}

/// An event log, by topic.
#[async_trait]
pub trait EventBus: fmt::Debug + Send + Sync {
    /// Publishes the events in order and returns one outcome for each.
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>>;

    /// The state of a topic's logs, which may be several; `None` on a bus without logs, whose receipts are always
    /// [`Receipt::Confirmed`]. `groups` are those whose progress is asked for; without any, the logs' names suffice.
    async fn logs(&self, topic: &str, groups: &[&str]) -> Result<Option<Vec<LogState>>, BusError>;

    /// Joins a group that reads these topics. A new group starts at the oldest event in the log; each event goes to one
    /// consumer of each group.
    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError>;

    /// Whether events reach other processes. Such a bus is watched, see [`watch`].
    fn is_shared(&self) -> bool;

    /// A domain's consumer has applied an event, and committed what follows from it.
    async fn handled(&self, _domain: &str, _event: &Event) {}

    /// Whether the bus works, for publishers and consumers, too.
    async fn check(&self) -> Result<(), BusError> {
        Ok(())
    }
}

/// A member of a consumer group.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for events. Events of one aggregate arrive in order; events that were received but not committed arrive
    /// again.
    async fn receive(&mut self) -> Result<Vec<Arc<Event>>, BusError>;

    /// Commits everything this member has received on behalf of the group.
    async fn commit(&mut self) -> Result<(), BusError>;

    /// Lets another member take over at once. Without it, the others notice after a timeout.
    async fn leave(&mut self) {}
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Builds an event of this aggregate.
    pub(crate) fn event(topic: &str, aggregate: &str, sequence: i64) -> Arc<Event> {
        Arc::new(Event {
            id: Uuid::now_v7(),
            topic: topic.to_owned(),
            event_type: "thing.happened".to_owned(),
            aggregate_id: aggregate.to_owned(),
            sequence,
            occurred_at: DateTime::UNIX_EPOCH,
            data: serde_json::json!({ "version": 1 }),
            traceparent: None,
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

    #[test]
    fn an_event_keeps_the_span_that_wrote_it() {
        let mut traced = Arc::unwrap_or_clone(event("orders.events", "ord_1", 1));
        let span = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        traced.traceparent = Some(span.to_owned());
        let written = serde_json::to_value(&traced).unwrap();
        assert_eq!(written["traceparent"], span);
        assert_eq!(serde_json::from_value::<Event>(written).unwrap(), traced);
    }
}
