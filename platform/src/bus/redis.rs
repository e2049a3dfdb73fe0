//! The bus over Redis Streams, for several processes: a stream for each topic, read by consumer
//! groups. It is as durable as the server: with `appendonly yes`, restarts lose nothing.
//!
//! One member of a group reads at a time, so that the events of an aggregate stay in order; the
//! others stand by, and take over when its lock in Redis is gone. All members read under one
//! consumer name, so what a member received and did not commit comes again to its successor.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};
use uuid::Uuid;

use super::{BusError, Consumer, Event, EventBus};

mod member;

use member::Member;

/// How long the server may take to answer, beside the time it is asked to wait for events.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a stream keeps events, for groups that are away or begin later.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The field of a stream's entry that has the event as JSON.
const FIELD: &str = "event";

/// Reaches the consumer groups of every process that uses the same Redis server.
#[derive(Clone)]
pub struct RedisBus {
    client: Client,
    connection: ConnectionManager,
}

impl RedisBus {
    /// Over the server at this `redis://` URL. Connects when it is used, again and again if need
    /// be; only an address that is no address is an error. Needs a tokio runtime around it.
    pub fn new(url: &str) -> Result<Self, BusError> {
        let address = |error: RedisError| BusError::Address(error.to_string().into());
        let client = Client::open(url).map_err(address)?;
        let connection = connect(&client, TIMEOUT).map_err(address)?;
        Ok(Self { client, connection })
    }

    async fn append(&self, event: &Event) -> Result<(), BusError> {
        let json = serde_json::to_string(event)
            .map_err(|error| BusError::Refused(error.to_string().into()))?;
        let mut connection = self.connection.clone();
        // The server's own clock says what is old; it also numbers the entries by it.
        let (seconds, _micros): (u64, u64) = redis::cmd("TIME")
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        let oldest = seconds.saturating_sub(KEPT.as_secs()) * 1_000;
        redis::cmd("XADD")
            .arg(stream(&event.topic))
            .arg("MINID")
            .arg("~")
            .arg(oldest)
            .arg("*")
            .arg(FIELD)
            .arg(json)
            .exec_async(&mut connection)
            .await
            .map_err(failed)
    }
}

#[async_trait]
impl EventBus for RedisBus {
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<(), BusError>> {
        let mut outcomes: Vec<Result<(), BusError>> = Vec::with_capacity(events.len());
        for event in events {
            // While the server is away, one event waits for it, not each.
            let outcome = match outcomes.last() {
                Some(Err(away @ BusError::Unavailable(_))) => Err(away.clone()),
                _ => self.append(event).await,
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError> {
        let reading = connect(&self.client, TIMEOUT + member::BLOCK)
            .map_err(|error| BusError::Address(error.to_string().into()))?;
        Ok(Box::new(Member::new(
            self.connection.clone(),
            reading,
            topics,
            group,
            Uuid::now_v7(),
        )))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBus").finish_non_exhaustive()
    }
}

fn connect(client: &Client, timeout: Duration) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(timeout))
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// The stream's key.
fn stream(topic: &str) -> String {
    format!("vantage:events:{topic}")
}

/// A command that the server calls wrong will be wrong again; anything else may pass.
#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn failed(error: RedisError) -> BusError {
    let text: Arc<str> = error.to_string().into();
    match error.code() {
        Some("ERR" | "WRONGTYPE") => BusError::Refused(text),
        _ => BusError::Unavailable(text),
    }
}
