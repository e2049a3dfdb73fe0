//! A member of a consumer group over Kafka. The cluster assigns it some partitions of its topics, and others to other
//! members.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use krafka::consumer::{AutoOffsetReset, ConsumerRecord, TopicPartition};
use krafka::{CloseOptions, Record};
use metrics::{counter, gauge};

use super::client::Connection;
use super::{ErrorCode, KrafkaError, failed};
use crate::bus::{BusError, Consumer, Event};
use crate::outbox::as_float;

/// How long one poll waits for events.
const POLL: Duration = Duration::from_secs(1);
/// Most events in one batch.
const BATCH: i32 = 100;
/// How long a dead member's partitions block.
const SESSION: Duration = Duration::from_secs(6);
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long an effect may take, and how long a rebalance waits for it.
const EFFECT: Duration = Duration::from_secs(60);
/// How long leaving may take.
const LEAVE: Duration = Duration::from_secs(2);
/// What a topic's dead-letter topic is called after.
const DEAD_LETTERS: &str = ".dead-letter";

pub(super) struct Member {
    connection: Arc<Connection>,
    topics: Vec<String>,
    /// The group's name for us, and in Kafka.
    name: String,
    group: String,
    consumer: Option<krafka::consumer::Consumer>,
    /// The first offset of each partition that was received and not committed.
    uncommitted: BTreeMap<(Arc<str>, i32), i64>,
}

impl Member {
    pub(super) fn new(connection: Arc<Connection>, topics: &[&str], group: &str) -> Self {
        Self {
            group: connection.config.group(group),
            topics: topics
                .iter()
                .map(|topic| connection.config.topic(topic))
                .collect(),
            connection,
            name: group.to_owned(),
            consumer: None,
            uncommitted: BTreeMap::new(),
        }
    }

    /// The consumer; joins the group if it has not yet.
    async fn joined(&mut self) -> Result<&krafka::consumer::Consumer, BusError> {
        if self.consumer.is_none() {
            let client = self.connection.client().await?;
            for topic in &self.topics {
                client.topics.id(topic).await?;
            }
            self.consumer = Some(self.join().await.map_err(failed)?);
        }
        self.consumer.as_ref().ok_or_else(super::lost)
    }

    async fn join(&self) -> Result<krafka::consumer::Consumer, KrafkaError> {
        let kafka = self.connection.connect().await?;
        let consumer = kafka
            .consumer(self.group.as_str())
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .enable_auto_commit(false)
            .max_poll_records(BATCH)
            .max_poll_interval(EFFECT)
            .session_timeout(SESSION)
            .heartbeat_interval(HEARTBEAT)
            .metrics_push(false)
            .build()
            .await?;
        consumer.subscribe(&self.topics).await?;
        Ok(consumer)
    }

    /// Goes back to what was received and not committed, unless another member has the partition by now.
    async fn rewind(&mut self) {
        let Some(consumer) = &self.consumer else {
            return;
        };
        for ((topic, partition), offset) in std::mem::take(&mut self.uncommitted) {
            if let Err(error) = consumer.seek(&topic, partition, offset).await {
                tracing::debug!(%error, %topic, partition, "partition is no longer assigned");
            }
        }
    }

    /// The next messages; empty when there are none right now.
    async fn poll(&mut self) -> Result<Vec<ConsumerRecord>, BusError> {
        self.joined().await?;
        self.rewind().await;
        let polled = match &self.consumer {
            Some(consumer) => consumer.poll(POLL).await,
            None => Ok(Vec::new()),
        };
        match polled {
            Ok(records) => {
                for record in &records {
                    let partition = (record.topic.clone(), record.partition);
                    self.uncommitted.entry(partition).or_insert(record.offset);
                }
                self.report_lag().await;
                Ok(records)
            }
            Err(error) => {
                if error.is_fatal() {
                    // The next attempt joins again.
                    self.consumer = None;
                    self.uncommitted.clear();
                }
                Err(failed(error))
            }
        }
    }

    /// Waits for events; messages that are no events are set aside on the way.
    async fn next_events(&mut self) -> Result<Vec<Arc<Event>>, BusError> {
        loop {
            let records = self.poll().await?;
            if records.is_empty() {
                continue;
            }
            let events = self.decode(records).await?;
            if !events.is_empty() {
                return Ok(events);
            }
            // The batch held only messages that are not events.
            self.commit().await?;
        }
    }

    /// The events among the messages. The others are stored as dead letters.
    async fn decode(&self, records: Vec<ConsumerRecord>) -> Result<Vec<Arc<Event>>, BusError> {
        let mut events = Vec::with_capacity(records.len());
        for record in records {
            let value = record.value.as_deref().unwrap_or_default();
            match serde_json::from_slice(value) {
                Ok(event) => events.push(Arc::new(event)),
                Err(error) => self.set_aside(&record, &error).await?,
            }
        }
        Ok(events)
    }

    /// Copies a message that is no event to its topic's dead-letter topic, with where it was and why.
    async fn set_aside(
        &self,
        record: &ConsumerRecord,
        error: &serde_json::Error,
    ) -> Result<(), BusError> {
        let topic = format!("{}{DEAD_LETTERS}", record.topic);
        let client = self.connection.client().await?;
        client.topics.id(&topic).await?;
        let mut copy = Record::new(topic, record.value.clone().unwrap_or_default())
            .header("dead-letter-topic", record.topic.to_string())
            .header("dead-letter-partition", record.partition.to_string())
            .header("dead-letter-offset", record.offset.to_string())
            .header("dead-letter-group", self.group.clone())
            .header("dead-letter-error", error.to_string());
        if let Some(key) = &record.key {
            copy = copy.key(key.clone());
        }
        client.send(copy).await?;
        counter!(
            "vantage_bus_dead_letters_total",
            "consumer" => self.name.clone(), "topic" => record.topic.to_string()
        )
        .increment(1);
        tracing::error!(
            topic = %record.topic, partition = record.partition, offset = record.offset, %error,
            consumer = self.name, "message is not an event, moved to the dead-letter topic"
        );
        Ok(())
    }

    /// How many messages of its partitions this member has not received.
    async fn report_lag(&self) {
        let Some(consumer) = &self.consumer else {
            return;
        };
        let mut lags: BTreeMap<&str, u64> = self
            .topics
            .iter()
            .map(|topic| (topic.as_str(), 0))
            .collect();
        for (TopicPartition { topic, .. }, partition) in &consumer.lag().await {
            if let Some(lag) = lags.get_mut(topic.as_str()) {
                *lag += partition.lag.unwrap_or(0);
            }
        }
        for (topic, lag) in lags {
            gauge!(
                "vantage_bus_lag",
                "consumer" => self.name.clone(), "topic" => topic.to_owned()
            )
            .set(as_float(i64::try_from(lag).unwrap_or(i64::MAX)));
        }
    }
}

#[async_trait]
impl Consumer for Member {
    async fn receive(&mut self) -> Result<Vec<Arc<Event>>, BusError> {
        let received = self.next_events().await;
        if let Err(error) = &received {
            self.connection.problem.note(error);
        }
        received
    }

    async fn commit(&mut self) -> Result<(), BusError> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        match consumer.commit().await {
            Ok(()) => {}
            // Another member receives it again, and recognizes what it has by its id.
            Err(error) if is_rebalance(&error) => {
                tracing::debug!(%error, consumer = self.name, "events not committed");
            }
            Err(error) => return Err(failed(error)),
        }
        self.uncommitted.clear();
        Ok(())
    }

    async fn leave(&mut self) {
        self.uncommitted.clear();
        let Some(consumer) = self.consumer.take() else {
            return;
        };
        let options = CloseOptions::new().timeout(LEAVE);
        if let Err(error) = consumer.close_with(options).await {
            tracing::debug!(%error, consumer = self.name, "group not left, the session will expire");
        }
    }
}

/// Whether partitions are being assigned anew.
fn is_rebalance(error: &KrafkaError) -> bool {
    matches!(
        error,
        KrafkaError::Broker {
            code: ErrorCode::RebalanceInProgress
                | ErrorCode::IllegalGeneration
                | ErrorCode::UnknownMemberId
                | ErrorCode::StaleMemberEpoch
                | ErrorCode::FencedMemberEpoch,
            ..
        }
    )
}
