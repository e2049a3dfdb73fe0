//! The bus over Kafka, for several processes. An event's key is its aggregate's id, so the events of an aggregate are in
//! one partition, in order. Each partition is a log of its own, whose identity ends with the topic: a topic that is
//! deleted and created again has other logs.
//!
//! The producer is idempotent and waits for all replicas that are in sync. Consumers commit after their effect; messages
//! that are no events go to the topic's dead-letter topic, so that they block nobody.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use krafka::error::{ErrorCode, KrafkaError, ProtocolErrorKind};
use krafka::producer::{DeliveryConfirmation, DeliveryHandle, RecordMetadata};
use krafka::{Kafka, Record};

use super::{BusError, Consumer, Event, EventBus, LogPosition, LogState, Receipt};

mod client;
mod config;
mod member;
mod topics;

use client::{Client, Connection};
pub use config::{KafkaConfig, KafkaSasl, KafkaTls, SaslMechanism};
use member::Member;
use topics::TopicId;

/// How long connecting, and each answer, may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Publishes to the consumer groups of every process that uses the same cluster.
#[derive(Clone)]
pub struct KafkaBus {
    connection: Arc<Connection>,
}

impl KafkaBus {
    /// Connects at the first use and again after a failure, so only a file that cannot be read is an error.
    pub fn new(config: KafkaConfig) -> Result<Self, BusError> {
        for (key, file) in config.tls.files() {
            if let Err(error) = std::fs::metadata(file) {
                let shown = file.display();
                return Err(BusError::Address(
                    format!("{key}: cannot read {shown}: {error}").into(),
                ));
            }
        }
        Ok(Self {
            connection: Arc::new(Connection::new(config)),
        })
    }

    /// Hands the events over to the producer, in order. Once the cluster is away, only one event waits for it.
    async fn enqueue(
        client: &Client,
        events: &[Arc<Event>],
    ) -> Vec<Result<DeliveryHandle, BusError>> {
        let mut handles: Vec<Result<DeliveryHandle, BusError>> = Vec::with_capacity(events.len());
        for event in events {
            let handle = match handles.last() {
                Some(Err(away @ BusError::Unavailable(_))) => Err(away.clone()),
                _ => client.enqueue(event).await,
            };
            handles.push(handle);
        }
        handles
    }
}

#[async_trait]
impl EventBus for KafkaBus {
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>> {
        let client = match self.connection.client().await {
            Ok(client) => client,
            Err(error) => return vec![Err(error); events.len()],
        };
        let mut topics: HashMap<&str, Result<TopicId, BusError>> = HashMap::new();
        for event in events {
            if !topics.contains_key(event.topic.as_str()) {
                let id = client.topics.id(&client.topics.name(&event.topic)).await;
                topics.insert(&event.topic, id);
            }
        }
        let (known, ids): (Vec<_>, Vec<_>) = events
            .iter()
            .filter_map(|event| {
                Some((
                    event.clone(),
                    topics.get(event.topic.as_str())?.clone().ok()?,
                ))
            })
            .unzip();
        let handles = Self::enqueue(&client, &known).await;
        let receipts = handles
            .into_iter()
            .zip(ids)
            .map(|(handle, id)| async move { receipt(id, handle?.await.map_err(failed)?) });
        let mut receipts = futures::future::join_all(receipts).await.into_iter();
        let outcomes: Vec<_> = events
            .iter()
            .map(|event| match topics.get(event.topic.as_str()) {
                Some(Err(error)) => Err(error.clone()),
                _ => receipts.next().unwrap_or_else(|| Err(lost())),
            })
            .collect();
        if let Some(Err(error)) = outcomes.iter().find(|outcome| outcome.is_err()) {
            self.connection.recheck(&client, error).await;
        }
        outcomes
    }

    async fn logs(&self, topic: &str, groups: &[&str]) -> Result<Option<Vec<LogState>>, BusError> {
        let client = self.connection.client().await?;
        let logs = client.topics.logs(topic, groups).await;
        if let Err(error) = &logs {
            self.connection.recheck(&client, error).await;
        }
        logs.map(Some)
    }

    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError> {
        Ok(Box::new(Member::new(
            self.connection.clone(),
            topics,
            group,
        )))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), BusError> {
        let client = self.connection.client().await?;
        client.topics.ping().await?;
        self.connection.problem.recent()
    }
}

impl fmt::Debug for KafkaBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaBus").finish_non_exhaustive()
    }
}

/// Where an event was stored.
fn receipt(topic: TopicId, stored: RecordMetadata) -> Result<Receipt, BusError> {
    if stored.delivery != DeliveryConfirmation::Offset {
        // It is in the log, but where is unknown: it is published again, and recognized by its id.
        return Err(BusError::Unavailable("the offset is not known".into()));
    }
    Ok(Receipt::Logged(LogPosition {
        log: topic.log(stored.partition),
        offset: offset(stored.offset),
    }))
}

/// An offset as text that sorts in the order of the log.
fn offset(offset: i64) -> String {
    format!("{offset:020}")
}

fn lost() -> BusError {
    BusError::Unavailable("the event was not sent".into())
}

/// A message that is too large or invalid will be refused again; anything else may be temporary.
fn failed(error: KrafkaError) -> BusError {
    let is_refused = match &error {
        KrafkaError::Broker { code, .. } => matches!(
            code,
            ErrorCode::MessageTooLarge
                | ErrorCode::RecordListTooLarge
                | ErrorCode::InvalidRecord
                | ErrorCode::InvalidTopic
        ),
        KrafkaError::Protocol { kind, .. } => *kind == ProtocolErrorKind::FrameTooLarge,
        KrafkaError::Serialization { .. } => true,
        _ => false,
    };
    let text: Arc<str> = error.to_string().into();
    if is_refused {
        BusError::Refused(text)
    } else {
        BusError::Unavailable(text)
    }
}
