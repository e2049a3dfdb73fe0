//! The topics of the cluster: what they are, how far consumer groups are, and how missing ones are created.

use std::collections::{BTreeMap, HashMap};

use krafka::admin::{
    AdminClient, CreateTopicsOptions, DescribeClusterOptions, DescribeTopicsOptions,
    ListConsumerGroupOffsetsOptions, ListOffsetsOptions, NewTopic, OffsetSpec, TopicDescription,
    TopicPartition,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{BusError, ErrorCode, KafkaConfig, KrafkaError, LogState, failed, offset};

/// The copies of a topic unless configured otherwise.
const COPIES: usize = 3;
/// How often a topic that was just created is looked for before its creation counts as failed.
const LOOKS: u32 = 20;
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// Identifies a topic; one that was deleted and created again has another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TopicId(Uuid);

impl TopicId {
    /// The name of a partition's log.
    pub(super) fn log(self, partition: i32) -> String {
        format!("{}/{partition}", self.0)
    }
}

/// Asks the cluster about topics.
pub(super) struct Topics {
    admin: AdminClient,
    config: KafkaConfig,
    known: Mutex<HashMap<String, TopicId>>,
}

impl Topics {
    pub(super) fn new(admin: AdminClient, config: KafkaConfig) -> Self {
        Self {
            admin,
            config,
            known: Mutex::default(),
        }
    }

    /// The topic's name in Kafka.
    pub(super) fn name(&self, topic: &str) -> String {
        self.config.topic(topic)
    }

    /// Forgets the topics' ids: they may have been created again.
    pub(super) fn forget(&self) {
        self.known.lock().clear();
    }

    /// Whether the cluster answers.
    pub(super) async fn ping(&self) -> Result<(), BusError> {
        let options = DescribeClusterOptions::default();
        let cluster = self.admin.describe_cluster(options).await;
        cluster.map(drop).map_err(failed)
    }

    /// The topic's id as it was last known. Creates a missing topic, if that is allowed.
    pub(super) async fn id(&self, topic: &str) -> Result<TopicId, BusError> {
        let known = self.known.lock().get(topic).copied();
        match known {
            Some(id) => Ok(id),
            None => Ok(TopicId(id_of(&self.describe(topic).await?))),
        }
    }

    /// The state of the topic's partitions, with the progress of these groups. Without groups, only their names.
    pub(super) async fn logs(
        &self,
        topic: &str,
        groups: &[&str],
    ) -> Result<Vec<LogState>, BusError> {
        let topic = &self.name(topic);
        let described = self.describe(topic).await?;
        let id = TopicId(id_of(&described));
        let partitions: Vec<_> = described.partitions.iter().map(|p| p.partition).collect();
        let mut logs: BTreeMap<i32, LogState> = partitions
            .iter()
            .map(|&partition| {
                let state = LogState {
                    log: id.log(partition),
                    oldest: None,
                    groups: HashMap::new(),
                };
                (partition, state)
            })
            .collect();
        if !groups.is_empty() {
            self.add_oldest(topic, &mut logs).await?;
            for group in groups {
                self.add_group(topic, group, &mut logs).await?;
            }
        }
        Ok(logs.into_values().collect())
    }

    async fn add_oldest(
        &self,
        topic: &str,
        logs: &mut BTreeMap<i32, LogState>,
    ) -> Result<(), BusError> {
        let asked = logs
            .keys()
            .map(|&partition| (TopicPartition::new(topic, partition), OffsetSpec::Earliest));
        let listed = self
            .admin
            .list_offsets(asked.collect::<Vec<_>>(), ListOffsetsOptions::default())
            .await
            .map_err(failed)?;
        for (partition, oldest) in listed {
            if let Some(state) = logs.get_mut(&partition.partition) {
                state.oldest = Some(offset(oldest.map_err(failed)?.offset));
            }
        }
        Ok(())
    }

    async fn add_group(
        &self,
        topic: &str,
        group: &str,
        logs: &mut BTreeMap<i32, LogState>,
    ) -> Result<(), BusError> {
        let partitions = logs
            .keys()
            .map(|&partition| TopicPartition::new(topic, partition));
        let options = ListConsumerGroupOffsetsOptions::default().partitions(partitions.collect());
        let committed = self
            .admin
            .list_consumer_group_offsets(self.config.group(group), options)
            .await
            .map_err(failed)?;
        for (partition, committed) in committed {
            // What is committed is the next offset to read.
            let last = committed.map_err(failed)?.offset.map(|next| next - 1);
            if let (Some(state), Some(last @ 0..)) = (logs.get_mut(&partition.partition), last) {
                state.groups.insert(group.to_owned(), offset(last));
            }
        }
        Ok(())
    }

    /// Describes the topic; creates it if it is missing and that is allowed.
    async fn describe(&self, topic: &str) -> Result<TopicDescription, BusError> {
        if let Some(described) = self.find(topic).await? {
            return Ok(described);
        }
        self.create(topic).await?;
        for _ in 0..LOOKS {
            if let Some(described) = self.find(topic).await? {
                return Ok(described);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(BusError::Unavailable(
            format!("the topic {topic} was created and is not there yet").into(),
        ))
    }

    async fn find(&self, topic: &str) -> Result<Option<TopicDescription>, BusError> {
        let options = DescribeTopicsOptions::default();
        let described = self.admin.describe_topics([topic], options).await;
        match described.map_err(failed)?.remove(topic) {
            Some(Ok(described)) => {
                let id = TopicId(id_of(&described));
                self.known.lock().insert(topic.to_owned(), id);
                Ok(Some(described))
            }
            Some(Err(KrafkaError::Broker {
                code: ErrorCode::UnknownTopicOrPartition,
                ..
            }))
            | None => Ok(None),
            Some(Err(error)) => Err(failed(error)),
        }
    }

    async fn create(&self, topic: &str) -> Result<(), BusError> {
        if !self.config.create_topics {
            return Err(BusError::Unavailable(
                format!("the topic {topic} is missing: create it, or set kafka.create_topics")
                    .into(),
            ));
        }
        let copies = self.copies().await?;
        let retention = self.config.retention.get().as_millis();
        let partitions = i32::from(self.config.partitions.get());
        let mut new = NewTopic::new(topic, partitions, copies)
            .map_err(failed)?
            .with_config("retention.ms", retention.to_string());
        if copies > 2 {
            // An event is stored once two brokers have it, so that one may fail.
            new = new.with_config("min.insync.replicas", "2");
        }
        let created = self
            .admin
            .create_topics([new], CreateTopicsOptions::default())
            .await
            .map_err(failed)?
            .remove(topic);
        match created {
            Some(Err(KrafkaError::Broker {
                code: ErrorCode::TopicAlreadyExists,
                ..
            })) => Ok(()),
            Some(Err(error)) => Err(BusError::Unavailable(
                format!("the topic {topic} cannot be created: {error}").into(),
            )),
            Some(Ok(())) | None => {
                tracing::info!(topic, partitions, copies, "topic created");
                Ok(())
            }
        }
    }

    /// How many copies a new topic gets.
    async fn copies(&self) -> Result<i16, BusError> {
        let copies = match self.config.replication_factor {
            Some(copies) => usize::from(copies.get()),
            None => {
                let options = DescribeClusterOptions::default();
                let cluster = self.admin.describe_cluster(options).await.map_err(failed)?;
                cluster.brokers.len().clamp(1, COPIES)
            }
        };
        Ok(i16::try_from(copies).unwrap_or(i16::MAX))
    }
}

fn id_of(described: &TopicDescription) -> Uuid {
    Uuid::from_bytes(described.topic_id)
}
