//! Pub/sub over Redis, for several processes. One connection carries all subscriptions of this process. After a
//! reconnect, subscribers get a gap.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, Fuse, FusedFuture, FutureExt};
use futures::stream::StreamExt;
use parking_lot::Mutex;
use redis::aio::PubSubSink;
use redis::{Client, RedisError};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::channels::Channels;
use super::{PubSub, PubSubError, Signal, Subscription};
use crate::backoff::Backoff;
use crate::redis_server::RedisServer;
use crate::supervisor::{Stage, Supervisor};

mod publisher;

use publisher::Publisher;

/// How long a subscriber waits for the server, and the server may take for any answer.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an idle connection is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Most channels in one SUBSCRIBE.
const BATCH: usize = 1_000;

/// Backoff between connection attempts.
const fn reconnecting() -> Backoff {
    Backoff::new(Duration::from_millis(100), Duration::from_secs(5))
}

/// Reaches the subscribers of every process that uses the same Redis server.
#[derive(Debug)]
pub struct RedisPubSub {
    channels: Arc<Channels>,
    publisher: Arc<Publisher>,
    /// Listening and resending; they end with the pub/sub.
    _workers: [AbortOnDropHandle<()>; 2],
}

impl RedisPubSub {
    /// Connects in supervised tasks and reconnects as needed.
    pub fn new(server: &RedisServer, supervisor: &Supervisor) -> Self {
        let publisher = Arc::new(Publisher::new(server));
        let changes = Arc::new(Changes::default());
        let channels = Channels::new(false, {
            let changes = changes.clone();
            move |name| changes.add([name.clone()])
        });
        let listener = supervisor.start(Stage::Support, "pubsub.listen", {
            let (server, channels) = (server.clone(), channels.clone());
            move |stop| {
                let listening = listen(server.clone(), channels.clone(), changes.clone());
                stop.run_until_cancelled_owned(listening).map(drop)
            }
        });
        let resender = supervisor.start(Stage::Support, "pubsub.resend", {
            let publisher = publisher.clone();
            move |stop| {
                let resending = publisher.clone().resend();
                stop.run_until_cancelled_owned(resending).map(drop)
            }
        });
        Self {
            channels,
            publisher,
            _workers: [listener, resender].map(AbortOnDropHandle::new),
        }
    }
}

#[async_trait]
impl PubSub for RedisPubSub {
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), PubSubError> {
        self.publisher.publish(channel, message).await
    }

    async fn subscribe(&self, channel: &str) -> Result<Subscription, PubSubError> {
        let (member, confirmation) = self.channels.subscribe(channel);
        match tokio::time::timeout(SUBSCRIBE_TIMEOUT, confirmation.confirmed()).await {
            Ok(()) => Ok(Subscription(member)),
            Err(_) => Err(PubSubError::SubscribeTimeout(SUBSCRIBE_TIMEOUT)),
        }
    }
}

/// Channels that opened or closed since the listener last checked.
#[derive(Debug, Default)]
struct Changes {
    names: Mutex<HashSet<Arc<str>>>,
    added: Notify,
}

impl Changes {
    fn add(&self, names: impl IntoIterator<Item = Arc<str>>) {
        self.names.lock().extend(names);
        self.added.notify_one();
    }

    fn next_batch(&self) -> Vec<Arc<str>> {
        let mut names = self.names.lock();
        let some: Vec<_> = names.iter().take(BATCH).cloned().collect();
        for name in &some {
            names.remove(name);
        }
        some
    }
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
enum ConnectionLost {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("the server closed the connection")]
    Closed,
    #[error("the server did not answer in time")]
    Silent,
}

/// Keeps a connection open while the pub/sub is in use.
async fn listen(server: RedisServer, channels: Arc<Channels>, changes: Arc<Changes>) {
    let mut backoff = reconnecting();
    // Confirmations from before a restart belong to an earlier connection.
    channels.unconfirm_all();
    loop {
        let lost = match with_timeout(connect(&server)).await {
            Ok((client, connection)) => {
                backoff.reset();
                changes.add(channels.names());
                let (sink, messages) = connection.split();
                let lost = run_connection(sink, messages, &channels, &changes).await;
                channels.unconfirm_all();
                server.failed(&client);
                lost
            }
            Err(lost) => lost,
        };
        let wait = backoff.next_wait();
        tracing::warn!(error = %lost, ?wait, "pub/sub connection lost, reconnecting");
        tokio::time::sleep(wait).await;
    }
}

async fn connect(server: &RedisServer) -> Result<(Arc<Client>, redis::aio::PubSub), RedisError> {
    let client = server.client().await?;
    match client.get_async_pubsub().await {
        Ok(connection) => Ok((client, connection)),
        Err(error) => {
            server.failed(&client);
            Err(error)
        }
    }
}

/// Forwards the messages of one connection and keeps its subscriptions in sync with the open channels, until the
/// connection is lost.
async fn run_connection(
    sink: PubSubSink,
    mut messages: redis::aio::PubSubStream,
    channels: &Arc<Channels>,
    changes: &Changes,
) -> ConnectionLost {
    let mut subscribed = HashSet::new();
    // Only one request is in flight; changes in the meantime go into the next.
    let mut request: Fuse<BoxFuture<'static, Result<Vec<Arc<str>>, ConnectionLost>>> =
        Fuse::terminated();
    loop {
        let idle = request.is_terminated();
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    let payload = Bytes::copy_from_slice(message.get_payload_bytes());
                    channels.send(message.get_channel_name(), &Signal::Message(payload));
                }
                None => return ConnectionLost::Closed,
            },
            confirmed = &mut request, if !idle => match confirmed {
                Ok(confirmed) => {
                    for name in confirmed {
                        channels.confirm(&name);
                    }
                    // There may be more than one batch.
                    changes.added.notify_one();
                }
                Err(lost) => return lost,
            },
            () = changes.added.notified(), if idle => {
                let names = changes.next_batch();
                if !names.is_empty() {
                    request = sync_subscriptions(names, channels, &mut subscribed, sink.clone()).boxed().fuse();
                }
            }
            () = tokio::time::sleep(PING_INTERVAL), if idle => {
                request = ping(sink.clone()).boxed().fuse();
            }
        }
    }
}

/// Subscribes to those of the channels that are open and unsubscribes from the others. Returns the names thereby
/// confirmed.
fn sync_subscriptions(
    names: Vec<Arc<str>>,
    channels: &Channels,
    subscribed: &mut HashSet<Arc<str>>,
    mut sink: PubSubSink,
) -> impl Future<Output = Result<Vec<Arc<str>>, ConnectionLost>> + Send + 'static {
    let (open, closed): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| channels.is_open(name));
    let mut begin = Vec::new();
    for name in &open {
        if subscribed.insert(name.clone()) {
            begin.push(name.to_string());
        }
    }
    let end: Vec<_> = closed
        .iter()
        .filter(|name| subscribed.remove(*name))
        .map(ToString::to_string)
        .collect();
    async move {
        if !begin.is_empty() {
            with_timeout(sink.subscribe(begin)).await?;
        }
        if !end.is_empty() {
            with_timeout(sink.unsubscribe(end)).await?;
        }
        Ok(open)
    }
}

/// Detects a connection that died silently.
async fn ping(mut sink: PubSubSink) -> Result<Vec<Arc<str>>, ConnectionLost> {
    with_timeout(sink.ping::<redis::Value>()).await?;
    Ok(Vec::new())
}

async fn with_timeout<T>(
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, ConnectionLost> {
    match tokio::time::timeout(SUBSCRIBE_TIMEOUT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ConnectionLost::Silent),
    }
}
