//! Counts each user's connections across all instances that share a Redis server. When a user exceeds the limit, the
//! oldest connection is closed, on whichever instance holds it.
//!
//! The entries of a dead instance stop counting when its heartbeat expires. While Redis is unreachable nothing is
//! counted; when it returns, every open connection is registered again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use redis::RedisError;
use tokio::sync::{Mutex, mpsc};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::pubsub::{PubSub, Signal};
use crate::redis_connection::{self, Connection};
use crate::redis_server::RedisServer;
use crate::supervisor::{Stage, Supervisor};

/// How often an instance renews its heartbeat, and how long a heartbeat is valid.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
const HEARTBEAT_TTL: Duration = Duration::from_secs(20);
/// Changes per round trip.
const BATCH: usize = 256;

/// Registers connections. Cheap to clone; clones share one registry.
#[derive(Clone)]
pub struct ConnectionRegistry {
    changes: mpsc::UnboundedSender<Change>,
}

/// Connections of this instance that must close, by the ids they were registered under.
pub type Evictions = mpsc::UnboundedReceiver<u64>;

#[derive(Debug)]
enum Change {
    Added { user: Arc<str>, connection: u64 },
    Removed { user: Arc<str>, connection: u64 },
}

/// Registers a connection and evicts those beyond the limit. Redis' own clock decides which is oldest.
const REGISTER: &str = "
    local time = redis.call('TIME')
    redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000000 + time[2], ARGV[1])
    redis.call('EXPIRE', KEYS[1], 604800)
    local max = tonumber(ARGV[2])
    if redis.call('ZCARD', KEYS[1]) <= max then return end
    local alive = {}
    for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        local instance = string.match(member, '^[^:]+')
        if redis.call('EXISTS', 'connections:instance:' .. instance) == 1 then
            alive[#alive + 1] = member
        else
            redis.call('ZREM', KEYS[1], member)
        end
    end
    for at = 1, #alive - max do
        redis.call('ZREM', KEYS[1], alive[at])
        local instance, connection = string.match(alive[at], '^([^:]+):(.+)$')
        redis.call('PUBLISH', 'connections:close:' .. instance, connection)
    end
";

impl ConnectionRegistry {
    /// Allows `max` connections per user; `pubsub` must use the same server. Connects in supervised tasks.
    pub fn new(
        server: &RedisServer,
        pubsub: Arc<dyn PubSub>,
        max: usize,
        supervisor: &Supervisor,
    ) -> (Self, Evictions) {
        let server = Connection::lazy(server, redis_connection::TIMEOUT);
        let instance = Uuid::now_v7().simple().to_string();
        let (changes, changed) = mpsc::unbounded_channel();
        let (evict, evictions) = mpsc::unbounded_channel();
        let channel = format!("connections:close:{instance}");
        supervisor.start(Stage::Support, "connections.evictions", move |stop| {
            let hearing = forward_evictions(pubsub.clone(), channel.clone(), evict.clone());
            stop.run_until_cancelled_owned(hearing).map(drop)
        });
        let sync = RegistrySync {
            server,
            instance,
            max,
            local: BTreeMap::new(),
            is_synced: false,
        };
        // Both outlive a restart of the task.
        let counted = Arc::new(Mutex::new((sync, changed)));
        supervisor.start(Stage::Support, "connections.count", move |stop| {
            let counted = counted.clone();
            stop.run_until_cancelled_owned(async move {
                let (sync, changed) = &mut *counted.lock().await;
                sync.run(changed).await;
            })
            .map(drop)
        });
        (Self { changes }, evictions)
    }

    /// Registers a connection of this user under an id that this instance never reuses.
    pub fn add(&self, user: &str, connection: u64) {
        let user = user.into();
        // Fails only when the runtime has shut down.
        let _ = self.changes.send(Change::Added { user, connection });
    }

    /// Removes a connection.
    pub fn remove(&self, user: &str, connection: u64) {
        let user = user.into();
        let _ = self.changes.send(Change::Removed { user, connection });
    }
}

impl fmt::Debug for ConnectionRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionRegistry")
    }
}

/// Keeps Redis in sync with the connections of this instance.
struct RegistrySync {
    server: Connection,
    instance: String,
    max: usize,
    /// In the order they were opened.
    local: BTreeMap<u64, Arc<str>>,
    /// Whether Redis knows every local connection.
    is_synced: bool,
}

impl RegistrySync {
    /// Runs until the process ends.
    async fn run(&mut self, changed: &mut mpsc::UnboundedReceiver<Change>) {
        // Changes in flight when the previous run ended may not have reached Redis.
        self.is_synced = false;
        let mut signs = tokio::time::interval(HEARTBEAT_INTERVAL);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = Vec::with_capacity(BATCH);
        loop {
            let result = tokio::select! {
                count = changed.recv_many(&mut changes, BATCH) => {
                    if count == 0 {
                        // The process is shutting down.
                        return std::future::pending().await;
                    }
                    self.record_locally(&changes);
                    let result = if self.is_synced { self.publish(&changes).await } else { Ok(()) };
                    changes.clear();
                    result
                }
                _ = signs.tick() => self.heartbeat().await,
            };
            if let Err(error) = result
                && std::mem::take(&mut self.is_synced)
            {
                tracing::warn!(%error, "connection registry unreachable, connections are not counted");
            }
        }
    }

    fn record_locally(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Added { user, connection } => {
                    self.local.insert(*connection, user.clone());
                }
                Change::Removed { connection, .. } => {
                    self.local.remove(connection);
                }
            }
        }
    }

    async fn publish(&mut self, changes: &[Change]) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        for change in changes {
            match change {
                Change::Added { user, connection } => self.register(&mut pipe, user, *connection),
                Change::Removed { user, connection } => {
                    pipe.cmd("ZREM")
                        .arg(user_key(user))
                        .arg(self.member(*connection))
                        .ignore();
                }
            }
        }
        pipe.query_async::<()>(&mut self.server).await
    }

    fn register(&self, pipe: &mut redis::Pipeline, user: &str, connection: u64) {
        pipe.cmd("EVAL")
            .arg(REGISTER)
            .arg(1)
            .arg(user_key(user))
            .arg(self.member(connection))
            .arg(self.max)
            .ignore();
    }

    fn member(&self, connection: u64) -> String {
        format!("{}:{connection}", self.instance)
    }

    /// Renews the heartbeat. If Redis did not have one, every local connection is registered again.
    async fn heartbeat(&mut self) -> Result<(), RedisError> {
        let before: Option<String> = redis::cmd("SET")
            .arg(format!("connections:instance:{}", self.instance))
            .arg(1)
            .arg("EX")
            .arg(HEARTBEAT_TTL.as_secs())
            .arg("GET")
            .query_async(&mut self.server)
            .await?;
        if before.is_some() && self.is_synced {
            return Ok(());
        }
        let everybody: Vec<_> = self
            .local
            .iter()
            .map(|(connection, user)| (*connection, user.clone()))
            .collect();
        for some in everybody.chunks(BATCH) {
            let mut pipe = redis::pipe();
            for (connection, user) in some {
                self.register(&mut pipe, user, *connection);
            }
            pipe.query_async::<()>(&mut self.server).await?;
        }
        self.is_synced = true;
        Ok(())
    }
}

fn user_key(user: &str) -> String {
    format!("connections:user:{user}")
}

/// Forwards the ids of connections that this instance must close.
async fn forward_evictions(
    pubsub: Arc<dyn PubSub>,
    channel: String,
    evict: mpsc::UnboundedSender<u64>,
) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        match pubsub.subscribe(&channel).await {
            Ok(mut closing) => {
                backoff.reset();
                while let Some(signal) = closing.next().await {
                    let Signal::Message(message) = signal else {
                        continue;
                    };
                    let connection = std::str::from_utf8(&message).ok();
                    if let Some(connection) = connection.and_then(|text| text.parse().ok()) {
                        // The receiver is gone: the process is shutting down.
                        let _ = evict.send(connection);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "connection evictions not received");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}
