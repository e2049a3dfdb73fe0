//! The tagged cache in Redis. A server that answers may have forgotten changes of tags: it was restarted from an older
//! snapshot, or a replica has taken its place. So reads only count on connections on which the server was recognized: each
//! is given a name, which is read with the values and gone once the connection is another one. And a server process that
//! nobody has recognized before begins with a new version of what all values depend on.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use redis::{FromRedisValue, Pipeline};
use uuid::Uuid;

use super::breaker::Breaker;
use super::{SharedValue, Snapshot, TagKey, TaggedCache, ValueKey, listed_name, listed_names};
use crate::redis_connection::{Connection, PromptRedis};
use crate::redis_server::RedisServer;

/// How long the version of a tag is stored, except for that of all values.
const TAG_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Most keys of one command.
const MAX_KEYS: usize = 10_000;

/// A change may take longer than a read by this factor: a doubtful one makes all values invalid.
const PATIENCE_OF_CHANGES: u32 = 5;

/// Values in Redis. What reads them waits only briefly for an answer, and after failures not at all for a while.
pub struct RedisTaggedCache {
    /// Separates it from other caches on this server, and used in its metrics.
    name: &'static str,
    /// What its keys and the names of its connections begin with.
    prefix: String,
    reads: PromptRedis,
    changes: PromptRedis,
    /// The name of the connection on which the server was recognized.
    session: Mutex<Option<Arc<str>>>,
    opening: tokio::sync::Mutex<()>,
    breaker: Mutex<Breaker>,
}

impl RedisTaggedCache {
    /// Waits this long for the answer to a read.
    pub fn new(server: &RedisServer, name: &'static str, patience: Duration) -> Self {
        let server = PromptRedis::new(server, 1);
        Self {
            name,
            prefix: format!("{name}:"),
            changes: server.clone().with_timeout(patience * PATIENCE_OF_CHANGES),
            reads: server.with_timeout(patience),
            session: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            breaker: Mutex::new(Breaker::new()),
        }
    }

    /// With another prefix of its keys, for tests that share a server.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            ..self
        }
    }

    fn value_key(&self, key: &ValueKey) -> Vec<u8> {
        [self.prefix.as_bytes(), b"value:", key].concat()
    }

    fn tag_key(&self, tag: &TagKey) -> Vec<u8> {
        [self.prefix.as_bytes(), b"tag:", &tag.0].concat()
    }

    /// The server process that has known all changes since the version of all values was created.
    fn run_key(&self) -> String {
        format!("{}run", self.prefix)
    }

    async fn query<T: FromRedisValue>(
        &self,
        server: &PromptRedis,
        pipeline: &Pipeline,
    ) -> Option<T> {
        let question = async |server: &mut Connection| pipeline.query_async(server).await;
        let answer = server.query(question).await;
        match answer {
            Ok(answer) => {
                if self.breaker.lock().succeeded() {
                    tracing::info!(cache = self.name, "cache used again, Redis answers");
                }
                Some(answer)
            }
            Err(skipped) => {
                if self.breaker.lock().failed(Instant::now()) {
                    tracing::warn!(cache = self.name, error = %skipped, "cache not used, Redis does not answer");
                }
                self.skipped(skipped.reason());
                None
            }
        }
    }

    fn skipped(&self, reason: &'static str) {
        metrics::counter!("vantage_cache_skips_total", "cache" => self.name, "reason" => reason)
            .increment(1);
    }

    /// The name of the connection on which reads count.
    async fn session(&self) -> Option<Arc<str>> {
        if self.breaker.lock().is_open(Instant::now()) {
            self.skipped("open");
            return None;
        }
        let known = self.session.lock().clone();
        if known.is_some() {
            return known;
        }
        let _opening = self.opening.try_lock().ok()?;
        let opened = self.open().await?;
        *self.session.lock() = Some(Arc::clone(&opened));
        Some(opened)
    }

    /// Names the connection, and recognizes the server or makes everything invalid that it has stored.
    async fn open(&self) -> Option<Arc<str>> {
        let name: Arc<str> = format!("{}{}", self.prefix, Uuid::new_v4().simple()).into();
        let mut recognize = redis::pipe();
        recognize
            .cmd("CLIENT")
            .arg("SETNAME")
            .arg(&*name)
            .ignore()
            .cmd("INFO")
            .arg("server")
            .cmd("MGET")
            .arg(self.run_key())
            .arg(self.tag_key(&TagKey::ALL));
        let (info, known): (String, Vec<Option<Vec<u8>>>) =
            self.query(&self.changes, &recognize).await?;
        let run = run_id(&info);
        let is_known = match (run, known.as_slice()) {
            (Some(run), [Some(known), Some(_)]) => known == run.as_bytes(),
            _ => false,
        };
        if is_known {
            return Some(name);
        }
        let mut begin = redis::pipe();
        // In this order: if only the first happens, it happens again.
        begin
            .cmd("CLIENT")
            .arg("GETNAME")
            .cmd("SET")
            .arg(self.tag_key(&TagKey::ALL))
            .arg(unique())
            .ignore()
            .cmd("SET")
            .arg(self.run_key())
            .arg(run.unwrap_or_default())
            .ignore();
        let (current,): (Option<String>,) = self.query(&self.changes, &begin).await?;
        tracing::info!(cache = self.name, "cache begins empty on this Redis server");
        (current.as_deref() == Some(&*name)).then_some(name)
    }

    /// Whether an answer came over the connection on which the server was recognized.
    fn counts(&self, session: &Arc<str>, current: Option<&str>) -> bool {
        if current == Some(&**session) {
            return true;
        }
        let mut known = self.session.lock();
        known.take_if(|known| Arc::ptr_eq(known, session));
        drop(known);
        self.skipped("reconnected");
        false
    }

    fn is_too_long(&self, keys: usize) -> bool {
        if keys > MAX_KEYS {
            self.skipped("too_many");
        }
        keys > MAX_KEYS
    }

    /// Adds the command that gives a tag a new version; with `is_new`, only if it has none.
    fn set_tag(&self, pipeline: &mut Pipeline, tag: &TagKey, is_new: bool) {
        pipeline.cmd("SET").arg(self.tag_key(tag)).arg(unique());
        if is_new {
            pipeline.arg("NX");
        }
        if *tag != TagKey::ALL {
            pipeline.arg("PX").arg(millis(TAG_LIFETIME));
        }
        pipeline.ignore();
    }
}

#[async_trait]
impl TaggedCache for RedisTaggedCache {
    async fn read(&self, keys: &[ValueKey], tags: &[TagKey]) -> Option<Snapshot> {
        if keys.is_empty() && tags.is_empty() || self.is_too_long(keys.len() + tags.len()) {
            return None;
        }
        let session = self.session().await?;
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("CLIENT")
            .arg("GETNAME")
            .cmd("TIME")
            .cmd("MGET");
        for key in keys {
            pipeline.arg(self.value_key(key));
        }
        for tag in tags {
            pipeline.arg(self.tag_key(tag));
        }
        let (current, (seconds, micros), items): (
            Option<String>,
            (u64, u64),
            Vec<Option<Vec<u8>>>,
        ) = self.query(&self.reads, &pipeline).await?;
        if !self.counts(&session, current.as_deref()) {
            return None;
        }
        let mut values: Vec<_> = items
            .into_iter()
            .map(|item| item.map(Bytes::from))
            .collect();
        let versions = values.split_off(keys.len().min(values.len()));
        Some(Snapshot {
            values,
            versions,
            now: seconds.saturating_mul(1_000).saturating_add(micros / 1_000),
        })
    }

    async fn create(&self, tags: &[TagKey]) -> Option<Vec<Option<Bytes>>> {
        if tags.is_empty() || self.is_too_long(tags.len()) {
            return None;
        }
        let session = self.session().await?;
        let mut pipeline = redis::pipe();
        pipeline.cmd("CLIENT").arg("GETNAME");
        for tag in tags {
            self.set_tag(&mut pipeline, tag, true);
        }
        pipeline.cmd("MGET");
        for tag in tags {
            pipeline.arg(self.tag_key(tag));
        }
        let (current, versions): (Option<String>, Vec<Option<Vec<u8>>>) =
            self.query(&self.reads, &pipeline).await?;
        let versions = versions.into_iter().map(|version| version.map(Bytes::from));
        self.counts(&session, current.as_deref())
            .then(|| versions.collect())
    }

    async fn put(&self, values: Vec<SharedValue>) {
        if values.is_empty() || self.breaker.lock().is_open(Instant::now()) {
            return;
        }
        let mut pipeline = redis::pipe();
        for value in &values {
            pipeline
                .cmd("SET")
                .arg(self.value_key(&value.key))
                .arg(&*value.value)
                .arg("PX")
                .arg(millis(value.lifetime))
                .ignore();
        }
        self.query::<()>(&self.changes, &pipeline).await;
    }

    async fn change(&self, tags: &[TagKey], names: &[(TagKey, String)]) -> bool {
        let mut pipeline = redis::pipe();
        for tag in tags {
            self.set_tag(&mut pipeline, tag, false);
        }
        for (tag, _) in names {
            pipeline.cmd("GET").arg(self.tag_key(tag));
        }
        // Without names, nothing is to be read.
        pipeline.cmd("PING");
        let answers: Option<Vec<Option<String>>> = self.query(&self.changes, &pipeline).await;
        let Some(versions) = answers else {
            return false;
        };
        let mut listing = redis::pipe();
        let mut is_listed = true;
        for ((tag, name), version) in names.iter().zip(versions) {
            let version = version.unwrap_or_default();
            if listed_names(version.as_bytes()).any(|listed| listed == name) {
                continue;
            }
            is_listed = false;
            let key = self.tag_key(tag);
            listing
                .cmd("APPEND")
                .arg(&key)
                .arg(listed_name(&unique(), name))
                .ignore()
                .cmd("PEXPIRE")
                .arg(&key)
                .arg(millis(TAG_LIFETIME))
                .ignore();
        }
        is_listed || self.query::<()>(&self.changes, &listing).await.is_some()
    }
}

impl fmt::Debug for RedisTaggedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTaggedCache")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A version that never was before.
fn unique() -> String {
    Uuid::new_v4().simple().to_string()
}

/// At least one: Redis refuses zero.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .max(1)
}

/// What identifies the server's process, in the answer to `INFO server`.
fn run_id(info: &str) -> Option<&str> {
    let mut lines = info.lines();
    let id = lines.find_map(|line| line.strip_prefix("run_id:"))?.trim();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_process_is_recognized_by_its_id() {
        let info = "# Server\r\nredis_version:7.2.4\r\nrun_id:8f3a\r\ntcp_port:6379\r\n";
        assert_eq!(run_id(info), Some("8f3a"));
        assert_eq!(run_id("# Server\r\nrun_id:\r\n"), None);
        assert_eq!(run_id(""), None);
    }
}
