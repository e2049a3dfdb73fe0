//! Caches: in process, or shared by all processes over Redis. Values may disappear at any time.

mod in_process;
mod redis;
pub mod tagged;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use in_process::InProcessCache;
pub use redis::RedisCache;

/// The capacity of a cache and the lifetime of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheBounds {
    /// At least one. Each entry counts as at least its share of `max_bytes`.
    pub max_entries: u64,
    /// The total size of keys and values.
    pub max_bytes: u64,
    /// Counted from when a value was put.
    pub ttl: Duration,
}

/// Values by key. A value may disappear at any time; a value that is found is the last one put.
#[async_trait]
pub trait Cache: fmt::Debug + Send + Sync {
    async fn get(&self, key: &str) -> Option<Bytes>;

    async fn put(&self, key: &str, value: Bytes);

    /// Removes a value. Where it is kept by several processes, only this one's copy and the shared one are removed.
    async fn remove(&self, key: &str);
}
