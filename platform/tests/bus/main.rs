//! What every event bus must do, in every form: within the process, over the Redis server named by
//! `VANTAGE_TEST_REDIS_URL`, and over the Kafka broker named by `VANTAGE_TEST_KAFKA_BROKER`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod contract;
mod in_process;
mod kafka;
#[expect(unreachable_pub, reason = "as in the library")]
#[path = "../../src/testing/ports.rs"]
mod ports;
mod redis_streams;

use std::sync::Arc;
use std::time::Duration;

use platform::bus::{BusError, Consumer, Event, EventBus, Receipt};
use uuid::Uuid;

/// Longer than any takeover, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A name that no other test uses.
fn unique_name() -> String {
    format!("test-{}", Uuid::now_v7())
}

fn event(topic: &str, aggregate: &str, sequence: i64) -> Arc<Event> {
    Arc::new(Event {
        id: Uuid::now_v7(),
        topic: topic.to_owned(),
        event_type: "thing.happened".to_owned(),
        aggregate_id: aggregate.to_owned(),
        sequence,
        occurred_at: chrono::DateTime::UNIX_EPOCH,
        data: serde_json::json!({ "version": 1, "größe": [1, null] }),
        traceparent: None,
    })
}

/// The events of one aggregate.
fn events(topic: &str, sequences: std::ops::RangeInclusive<i64>) -> Vec<Arc<Event>> {
    sequences.map(|n| event(topic, "a", n)).collect()
}

/// Publishes the events, again and again until the bus has them all. Returns the last outcomes.
async fn publish(bus: &dyn EventBus, events: &[Arc<Event>]) -> Vec<Receipt> {
    let publishing = async {
        loop {
            let outcomes: Result<Vec<_>, _> = bus.publish(events).await.into_iter().collect();
            match outcomes {
                Ok(receipts) => return receipts,
                Err(BusError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, publishing)
        .await
        .expect("published in time")
}

/// Receives a batch, without committing.
async fn receive(member: &mut Box<dyn Consumer>) -> Vec<Arc<Event>> {
    let receiving = async {
        loop {
            match member.receive().await {
                Ok(events) => return events,
                Err(BusError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, receiving)
        .await
        .expect("events in time")
}

/// Receives and commits until each of this many events has come; repeats count once.
async fn receive_all(member: &mut Box<dyn Consumer>, count: usize) -> Vec<Arc<Event>> {
    let mut all: Vec<Arc<Event>> = Vec::new();
    while all.len() < count {
        for event in receive(member).await {
            if !all.contains(&event) {
                all.push(event);
            }
        }
        member.commit().await.unwrap();
    }
    all
}

/// The sequence numbers of one aggregate's events, as they came.
fn sequences(events: &[Arc<Event>], topic: &str, aggregate: &str) -> Vec<i64> {
    events
        .iter()
        .filter(|event| event.topic == topic && event.aggregate_id == aggregate)
        .map(|event| event.sequence)
        .collect()
}
