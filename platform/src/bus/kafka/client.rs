//! Connections to the cluster. They are made at the first use and again after a failure that a client does not survive,
//! so that a process starts and runs without the cluster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use krafka::producer::{DeliveryHandle, Producer};
use tokio::sync::Mutex;

use super::topics::Topics;
use super::{BusError, Event, Kafka, KafkaConfig, KrafkaError, Record, TIMEOUT, failed};
use crate::bus::watch::LastProblem;

/// How long a message may take until all replicas have it; above the timeout of a request, as the client requires.
const DELIVERY: Duration = TIMEOUT.saturating_add(Duration::from_secs(1));
/// How long a failure to connect answers for the next attempts: everybody waits for the same one.
const FAILED: Duration = Duration::from_secs(1);

/// The connection of publishers. Consumers have their own, because a broker answers the requests of a connection one
/// after the other, and a consumer's wait for events.
pub(super) struct Connection {
    pub(super) config: KafkaConfig,
    pub(super) problem: LastProblem,
    client: Mutex<Connected>,
}

#[derive(Default)]
struct Connected {
    client: Option<Arc<Client>>,
    /// When connecting failed last, and why.
    failed: Option<(Instant, BusError)>,
}

/// A connected client.
pub(super) struct Client {
    producer: Producer,
    pub(super) topics: Topics,
}

impl Connection {
    pub(super) fn new(config: KafkaConfig) -> Self {
        Self {
            config,
            problem: LastProblem::default(),
            client: Mutex::default(),
        }
    }

    /// The client; connects if there is none yet.
    pub(super) async fn client(&self) -> Result<Arc<Client>, BusError> {
        let mut connected = self.client.lock().await;
        if let Some(client) = &connected.client {
            return Ok(client.clone());
        }
        if let Some((at, error)) = &connected.failed
            && at.elapsed() < FAILED
        {
            return Err(error.clone());
        }
        match self.connect_client().await {
            Ok(client) => {
                let client = Arc::new(client);
                connected.client = Some(client.clone());
                Ok(client)
            }
            Err(error) => {
                let error = failed(error);
                connected.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn connect_client(&self) -> Result<Client, KrafkaError> {
        let kafka = self.connect().await?;
        let producer = kafka.producer();
        let producer = producer
            .idempotent(true)
            .linger(Duration::ZERO)
            .delivery_timeout(DELIVERY)
            .max_block(TIMEOUT)
            .metrics_push(false)
            .build()
            .await?;
        Ok(Client {
            producer,
            topics: Topics::new(
                kafka.admin().default_api_timeout(TIMEOUT),
                self.config.clone(),
            ),
        })
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> Result<Kafka, KrafkaError> {
        Kafka::builder(self.config.brokers.join(","))
            .client_id("vantage")
            .security(self.config.security())
            .connect_timeout(TIMEOUT)
            .request_timeout(TIMEOUT)
            .connect()
            .await
    }

    /// After a failure: notes it, forgets what is known of topics, and a client that cannot continue.
    pub(super) async fn recheck(&self, used: &Arc<Client>, error: &BusError) {
        self.problem.note(error);
        used.topics.forget();
        if used.producer.is_closed() {
            let mut connected = self.client.lock().await;
            let is_used = |client: &Arc<Client>| Arc::ptr_eq(client, used);
            if connected.client.as_ref().is_some_and(is_used) {
                connected.client = None;
            }
        }
    }
}

impl Client {
    /// Hands an event over to the producer; the handle says when it is stored.
    pub(super) async fn enqueue(&self, event: &Event) -> Result<DeliveryHandle, BusError> {
        let json = serde_json::to_vec(event)
            .map_err(|error| BusError::Refused(error.to_string().into()))?;
        let record = Record::new(self.topics.name(&event.topic), json)
            .key(event.aggregate_id.clone())
            .header("content-type", "application/json")
            .header("event-id", event.id.to_string())
            .header("event-type", event.event_type.clone());
        self.producer.enqueue(record).await.map_err(failed)
    }

    /// Stores a message and waits until all replicas have it.
    pub(super) async fn send(&self, record: Record) -> Result<(), BusError> {
        self.producer.send(record).await.map(drop).map_err(failed)
    }
}
