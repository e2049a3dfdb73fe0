//! Who is connected, counted over all instances that share a Redis server: with one connection too many, a
//! user's oldest is told to close, wherever it is.
//!
//! An instance that dies leaves its entries behind; they do not count once its sign of life is gone. While the
//! server cannot be reached nobody is counted, and when it is back, everybody who is still here again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};
use tokio::sync::{Mutex, mpsc};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::pubsub::{Backoff, PubSub, Signal};
use crate::supervisor::{Stage, Supervisor};

/// How often an instance says that it lives, and how long that is believed.
const SIGN_INTERVAL: Duration = Duration::from_secs(5);
const SIGN_TTL: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(2);
/// Changes in one round trip.
const BATCH: usize = 256;

/// Counts connections. Cheap to clone; clones are one instance.
#[derive(Clone)]
pub struct Roster {
    changes: mpsc::UnboundedSender<Change>,
}

/// The connections of this instance that have to close, by the numbers they were counted with.
pub type Evictions = mpsc::UnboundedReceiver<u64>;

#[derive(Debug)]
enum Change {
    Join { user: Arc<str>, connection: u64 },
    Leave { user: Arc<str>, connection: u64 },
}

/// Counts a connection and gives those that are too many. The server's own clock says who was first.
const JOIN: &str = "
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

impl Roster {
    /// Over the server at this `redis://` URL, at most `max` connections a user; `pubsub` is over the same
    /// server. Connects in tasks of the supervisor; only an address that is none is an error.
    pub fn new(
        url: &str,
        pubsub: Arc<dyn PubSub>,
        max: usize,
        supervisor: &Supervisor,
    ) -> Result<(Self, Evictions), RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let server = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        let instance = Uuid::now_v7().simple().to_string();
        let (changes, changed) = mpsc::unbounded_channel();
        let (evict, evictions) = mpsc::unbounded_channel();
        let channel = format!("connections:close:{instance}");
        supervisor.start(Stage::Support, "connections.evictions", move |stop| {
            let hearing = hear(pubsub.clone(), channel.clone(), evict.clone());
            stop.run_until_cancelled_owned(hearing).map(drop)
        });
        let book = Book {
            server,
            instance,
            max,
            here: BTreeMap::new(),
            is_known: false,
        };
        // Both outlive a task that is started again.
        let counted = Arc::new(Mutex::new((book, changed)));
        supervisor.start(Stage::Support, "connections.count", move |stop| {
            let counted = counted.clone();
            stop.run_until_cancelled_owned(async move {
                let (book, changed) = &mut *counted.lock().await;
                book.keep(changed).await;
            })
            .map(drop)
        });
        Ok((Self { changes }, evictions))
    }

    /// Counts a connection as this user's, under a number that this instance gives once.
    pub fn join(&self, user: &str, connection: u64) {
        let user = user.into();
        // Nobody is left to count for when the task is gone: the runtime ends.
        let _ = self.changes.send(Change::Join { user, connection });
    }

    /// Counts it no more.
    pub fn leave(&self, user: &str, connection: u64) {
        let user = user.into();
        let _ = self.changes.send(Change::Leave { user, connection });
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roster")
    }
}

/// What this instance has told the server.
struct Book {
    server: ConnectionManager,
    instance: String,
    max: usize,
    /// In the order they were opened.
    here: BTreeMap<u64, Arc<str>>,
    /// Whether the server knows of everybody who is here.
    is_known: bool,
}

impl Book {
    /// Counts until nobody is left to count for.
    async fn keep(&mut self, changed: &mut mpsc::UnboundedReceiver<Change>) {
        // What was on its way to the server when the last run ended may not have reached it.
        self.is_known = false;
        let mut signs = tokio::time::interval(SIGN_INTERVAL);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = Vec::with_capacity(BATCH);
        loop {
            let told = tokio::select! {
                count = changed.recv_many(&mut changes, BATCH) => {
                    if count == 0 {
                        // The process ends.
                        return std::future::pending().await;
                    }
                    self.note(&changes);
                    let told = if self.is_known { self.tell(&changes).await } else { Ok(()) };
                    changes.clear();
                    told
                }
                _ = signs.tick() => self.sign().await,
            };
            if let Err(error) = told
                && std::mem::take(&mut self.is_known)
            {
                tracing::warn!(%error, "connections are counted in this instance only");
            }
        }
    }

    fn note(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Join { user, connection } => {
                    self.here.insert(*connection, user.clone());
                }
                Change::Leave { connection, .. } => {
                    self.here.remove(connection);
                }
            }
        }
    }

    async fn tell(&mut self, changes: &[Change]) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        for change in changes {
            match change {
                Change::Join { user, connection } => self.join(&mut pipe, user, *connection),
                Change::Leave { user, connection } => {
                    pipe.cmd("ZREM")
                        .arg(key(user))
                        .arg(self.member(*connection))
                        .ignore();
                }
            }
        }
        pipe.query_async::<()>(&mut self.server).await
    }

    fn join(&self, pipe: &mut redis::Pipeline, user: &str, connection: u64) {
        pipe.cmd("EVAL")
            .arg(JOIN)
            .arg(1)
            .arg(key(user))
            .arg(self.member(connection))
            .arg(self.max)
            .ignore();
    }

    fn member(&self, connection: u64) -> String {
        format!("{}:{connection}", self.instance)
    }

    /// Says that this instance lives. A server that has not heard it before, or has forgotten, is told of all.
    async fn sign(&mut self) -> Result<(), RedisError> {
        let before: Option<String> = redis::cmd("SET")
            .arg(format!("connections:instance:{}", self.instance))
            .arg(1)
            .arg("EX")
            .arg(SIGN_TTL.as_secs())
            .arg("GET")
            .query_async(&mut self.server)
            .await?;
        if before.is_some() && self.is_known {
            return Ok(());
        }
        let everybody: Vec<_> = self
            .here
            .iter()
            .map(|(connection, user)| (*connection, user.clone()))
            .collect();
        for some in everybody.chunks(BATCH) {
            let mut pipe = redis::pipe();
            for (connection, user) in some {
                self.join(&mut pipe, user, *connection);
            }
            pipe.query_async::<()>(&mut self.server).await?;
        }
        self.is_known = true;
        Ok(())
    }
}

fn key(user: &str) -> String {
    format!("connections:user:{user}")
}

/// Hands on which connections have to close.
async fn hear(pubsub: Arc<dyn PubSub>, channel: String, evict: mpsc::UnboundedSender<u64>) {
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
                        // Nobody closes connections any more: the process ends.
                        let _ = evict.send(connection);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "nobody can be told to close here");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}
