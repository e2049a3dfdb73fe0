//! A member of a consumer group over Redis Streams.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::{Cmd, RedisError};
use uuid::Uuid;

use super::{FIELD, epoch, failed, stream};
use crate::bus::watch::LastProblem;
use crate::bus::{BusError, Consumer, Event};
use crate::redis_connection::Connection;

/// How long a read blocks on the server when there are no new events. It must end before the lock can expire: an event
/// that a member receives afterwards would be unknown to its successor.
pub(super) const BLOCK: Duration = Duration::from_secs(3);
/// How long a dead member's lock blocks the others.
const LOCK: Duration = Duration::from_secs(5);
/// A lock older than this is renewed before the next read.
const RENEW: Duration = Duration::from_millis(500);
/// How often a standby member tries to take the lock.
const STANDBY: Duration = Duration::from_millis(500);
/// Most events in one batch.
const BATCH: usize = 100;
/// The consumer name that all members read under.
const READER: &str = "reader";

/// Acquires or renews the lock. KEYS[1]: the lock; ARGV[1]: the member, ARGV[2]: milliseconds.
const ACQUIRE_LOCK: &str = "local holder = redis.call('GET', KEYS[1]) \
    if holder and holder ~= ARGV[1] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
/// Releases the lock. KEYS[1]: the lock; ARGV[1]: the member.
const RELEASE_LOCK: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
/// Creates the group at the oldest entry unless it exists; creating the stream gives it a new epoch. KEYS: stream,
/// epoch; ARGV: the group, a new epoch.
const CREATE_GROUP: &str = "if redis.call('EXISTS', KEYS[1]) == 0 then \
        redis.call('SET', KEYS[2], ARGV[2]) end \
    local created = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM') \
    if created['err'] and not string.find(created['err'], 'BUSYGROUP') then return created end \
    return 1";

type Fields = HashMap<String, String>;
/// Streams with their entries; an entry that was trimmed has no fields.
type Entries = Option<Vec<(String, Vec<(String, Option<Fields>)>)>>;

pub(super) struct Member {
    /// For commands that are answered at once.
    connection: Connection,
    /// For blocking reads, which would delay any command behind them.
    reading: Connection,
    topics: Vec<String>,
    group: String,
    lock: String,
    id: String,
    /// When the lock was last acquired or renewed; `None` when it is not held.
    locked: Option<Instant>,
    /// Whether the groups are known to exist and all uncommitted entries have been read.
    caught_up: bool,
    /// Stream and id of each entry that was received but not committed.
    uncommitted: Vec<(String, String)>,
    problem: Arc<LastProblem>,
}

impl Member {
    pub(super) fn new(
        connection: Connection,
        reading: Connection,
        topics: &[&str],
        group: &str,
        id: Uuid,
        problem: Arc<LastProblem>,
    ) -> Self {
        Self {
            connection,
            reading,
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            group: group.to_owned(),
            lock: format!("vantage:reader:{group}"),
            id: id.to_string(),
            locked: None,
            caught_up: false,
            uncommitted: Vec::new(),
            problem,
        }
    }

    /// Whether this member holds the lock and may read.
    async fn acquire_lock(&mut self) -> Result<bool, RedisError> {
        let held = self.locked.is_some_and(|since| since.elapsed() < LOCK);
        if self.locked.is_some_and(|since| since.elapsed() < RENEW) {
            return Ok(true);
        }
        let asked = Instant::now();
        let taken: bool = redis::cmd("EVAL")
            .arg(ACQUIRE_LOCK)
            .arg(1)
            .arg(&self.lock)
            .arg(&self.id)
            .arg(u64::try_from(LOCK.as_millis()).unwrap_or(u64::MAX))
            .query_async(&mut self.connection)
            .await?;
        if !held || !taken {
            // Another member may have read in the meantime and left entries uncommitted.
            self.caught_up = false;
        }
        self.locked = taken.then_some(asked);
        Ok(taken)
    }

    /// Creates missing groups, starting at the oldest event.
    async fn create_groups(&mut self) -> Result<(), RedisError> {
        for topic in &self.topics {
            redis::cmd("EVAL")
                .arg(CREATE_GROUP)
                .arg(2)
                .arg(stream(topic))
                .arg(epoch(topic))
                .arg(&self.group)
                .arg(Uuid::now_v7().to_string())
                .exec_async(&mut self.connection)
                .await?;
        }
        Ok(())
    }

    fn read(&self) -> Cmd {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.group).arg(READER);
        read.arg("COUNT").arg(BATCH);
        read
    }

    fn append_streams(&self, read: &mut Cmd, id: &str) {
        read.arg("STREAMS");
        for topic in &self.topics {
            read.arg(stream(topic));
        }
        for _ in &self.topics {
            read.arg(id);
        }
    }

    /// Entries that were delivered to the group and not committed.
    async fn read_uncommitted(&mut self) -> Result<Entries, RedisError> {
        let mut read = self.read();
        self.append_streams(&mut read, "0");
        read.query_async(&mut self.connection).await
    }

    async fn read_new(&mut self) -> Result<Entries, RedisError> {
        let mut read = self.read();
        read.arg("BLOCK")
            .arg(u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX));
        self.append_streams(&mut read, ">");
        read.query_async(&mut self.reading).await
    }

    /// The next entries; empty when there are none right now.
    async fn next(&mut self) -> Result<Vec<Arc<Event>>, RedisError> {
        if !self.acquire_lock().await? {
            tokio::time::sleep(STANDBY).await;
            return Ok(Vec::new());
        }
        let entries = if self.caught_up {
            // A read that was cancelled or failed may have been delivered all the same.
            self.caught_up = false;
            let entries = self.read_new().await?;
            self.caught_up = true;
            entries
        } else {
            self.create_groups().await?;
            let entries = self.read_uncommitted().await?;
            let none = entries
                .iter()
                .flatten()
                .all(|(_, entries)| entries.is_empty());
            self.caught_up = none;
            entries
        };
        Ok(self.decode(entries))
    }

    /// Decodes the events and remembers their entries for the commit.
    fn decode(&mut self, entries: Entries) -> Vec<Arc<Event>> {
        let mut events = Vec::new();
        for (stream, entries) in entries.into_iter().flatten() {
            for (id, fields) in entries {
                let json = fields.as_ref().and_then(|fields| fields.get(FIELD));
                match json.map(|json| serde_json::from_str(json)) {
                    Some(Ok(event)) => events.push(Arc::new(event)),
                    Some(Err(error)) => {
                        tracing::error!(%stream, %id, %error, "stream entry is not an event, skipped");
                    }
                    None => {
                        tracing::error!(%stream, %id, "stream entry is not an event, skipped")
                    }
                }
                self.uncommitted.push((stream.clone(), id));
            }
        }
        events
    }
}

#[async_trait]
impl Consumer for Member {
    async fn receive(&mut self) -> Result<Vec<Arc<Event>>, BusError> {
        if !self.uncommitted.is_empty() {
            self.uncommitted.clear();
            self.caught_up = false;
        }
        loop {
            match self.next().await {
                Ok(events) if !events.is_empty() => return Ok(events),
                // The batch held only entries that are not events.
                Ok(_) if !self.uncommitted.is_empty() => self.commit().await?,
                Ok(_) => {}
                Err(error) => {
                    self.caught_up = false;
                    // The stream was deleted; the next attempt creates it again.
                    if error.code() != Some("NOGROUP") {
                        let error = failed(error);
                        self.problem.note(&error);
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn commit(&mut self) -> Result<(), BusError> {
        let mut by_stream: HashMap<&str, Vec<&str>> = HashMap::new();
        for (stream, id) in &self.uncommitted {
            by_stream.entry(stream).or_default().push(id);
        }
        for (stream, ids) in by_stream {
            redis::cmd("XACK")
                .arg(stream)
                .arg(&self.group)
                .arg(ids)
                .exec_async(&mut self.connection)
                .await
                .map_err(failed)?;
        }
        self.uncommitted.clear();
        Ok(())
    }

    async fn leave(&mut self) {
        let left: Result<(), RedisError> = redis::cmd("EVAL")
            .arg(RELEASE_LOCK)
            .arg(1)
            .arg(&self.lock)
            .arg(&self.id)
            .exec_async(&mut self.connection)
            .await;
        if let Err(error) = left {
            tracing::debug!(%error, "reader lock not released, it will expire");
        }
        self.locked = None;
    }
}
