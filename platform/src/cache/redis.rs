//! A cache shared over Redis, behind an in-process one. Redis gets only a moment to answer: when it is slow or away,
//! the process continues with its own entries.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use metrics::counter;

use super::{Cache, CacheBounds, InProcessCache};
use crate::redis_connection::PromptRedis;
use crate::redis_server::RedisServer;

/// Keeps values in Redis and in this process.
#[derive(Clone)]
pub struct RedisCache {
    /// Used in its metrics.
    name: &'static str,
    /// What its keys in Redis begin with.
    prefix: String,
    local: InProcessCache,
    server: PromptRedis,
    ttl: Duration,
}

impl RedisCache {
    /// `name` separates it from other caches on this server.
    pub fn new(server: &RedisServer, name: &'static str, bounds: CacheBounds) -> Self {
        Self {
            name,
            prefix: format!("cache:{name}:"),
            local: InProcessCache::new(bounds),
            server: PromptRedis::new(server, 1),
            ttl: bounds.ttl,
        }
    }

    /// Waits this long for each answer of Redis, instead of 20 ms.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let server = self.server.with_timeout(timeout);
        Self { server, ..self }
    }

    /// With keys in Redis as they are given: for those that others read, too.
    #[must_use]
    pub fn without_prefix(mut self) -> Self {
        self.prefix.clear();
        self
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Redis' answer, if it arrives in time.
    async fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        let answer = self
            .server
            .query(async |server| command.query_async(server).await);
        answer
            .await
            .inspect_err(|skipped| {
                tracing::debug!(cache = self.name, %skipped, "cache skipped");
                counter!("vantage_cache_skips_total", "cache" => self.name, "reason" => skipped.reason())
                    .increment(1);
            })
            .ok()
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("name", &self.name)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Option<Bytes> {
        if let Some(known) = self.local.get_now(key) {
            return Some(known);
        }
        let command = redis::cmd("GET").arg(self.key(key)).to_owned();
        let value: Option<Vec<u8>> = self.query(&command).await?;
        let value = Bytes::from(value?);
        self.local.put_now(key, value.clone());
        Some(value)
    }

    async fn put(&self, key: &str, value: Bytes) {
        self.local.put_now(key, value.clone());
        let ttl = u64::try_from(self.ttl.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let command = redis::cmd("SET")
            .arg(self.key(key))
            .arg(&*value)
            .arg("PX")
            .arg(ttl)
            .to_owned();
        self.query::<()>(&command).await;
    }

    async fn remove(&self, key: &str) {
        let command = redis::cmd("DEL").arg(self.key(key)).to_owned();
        self.query::<()>(&command).await;
        // Last, so that a reader does not put the removed value back.
        self.local.remove_now(key);
    }
}
