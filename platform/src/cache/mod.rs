//! Values that may be forgotten at any time: in this process or, over Redis, shared by every process.

mod in_process;
mod redis;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use in_process::InProcessCache;
pub use redis::RedisCache;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheBounds {
    /// At least one; each counts as its part of `max_bytes` at least.
    pub max_entries: u64,
    /// Of keys and values.
    pub max_bytes: u64,
    /// From when a value was put.
    pub ttl: Duration,
}

/// Values by key. What is put may be gone the next moment; a value that is there is the last one that was put.
#[async_trait]
pub trait Cache: fmt::Debug + Send + Sync {
    async fn get(&self, key: &str) -> Option<Bytes>;

    async fn put(&self, key: &str, value: Bytes);
}
