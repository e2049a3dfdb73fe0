//! Rate limits by token bucket: a request takes its cost from each of its buckets, or from none.
//!
//! Hand-written, because a request counts against several buckets with different quotas at once, and the same rule has
//! to hold in process and in Redis.

mod bucket;
mod local;
mod redis;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::bucket::tightest;
use self::local::LocalBuckets;
use self::redis::RedisBuckets;
use crate::clock::Clock;
use crate::redis_server::RedisServer;

/// A bucket's capacity and refill rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub cost_per_minute: u32,
    /// The capacity.
    pub burst: u32,
}

/// A bucket that a request counts against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Identifies the limit and its subject, such as `user:usr_…`.
    pub key: String,
    pub quota: Quota,
}

/// Whether a request may proceed, and the state of the bucket with the least remaining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub quota: Quota,
    /// What remains in the bucket.
    pub remaining: u32,
    /// Time until the bucket is full if nothing more is taken.
    pub reset: Duration,
    /// How long a refused request has to wait.
    pub retry_after: Option<Duration>,
}

impl Decision {
    pub const fn is_allowed(&self) -> bool {
        self.retry_after.is_none()
    }
}

/// Decides in process, or in Redis for all instances that share it.
#[derive(Debug)]
pub struct RateLimiter(Store);

#[derive(Debug)]
enum Store {
    Local(LocalBuckets),
    Redis(RedisBuckets),
}

impl RateLimiter {
    /// Counts in this process, in at most `max_buckets` buckets; beyond that the least used are dropped, which refills
    /// them.
    pub fn in_process(clock: Clock, max_buckets: u64) -> Self {
        Self(Store::Local(LocalBuckets::new(clock, max_buckets)))
    }

    /// Counts in the Redis server at this URL. Requests it does not decide in time are allowed and counted in
    /// `vantage_rate_limit_skips_total`.
    ///
    /// # Errors
    /// If the URL is not valid. The server need not be up yet.
    pub fn redis(server: &RedisServer) -> Self {
        Self(Store::Redis(RedisBuckets::new(server)))
    }

    /// Waits this long for each decision of Redis, instead of 20 ms.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self(match self.0 {
            Store::Redis(redis) => Store::Redis(redis.with_timeout(timeout)),
            local @ Store::Local(_) => local,
        })
    }

    /// Takes `cost` from each of these buckets, or from none if one of them has too little. What costs more than a
    /// bucket holds takes a full bucket, and leaves it in debt.
    ///
    /// `None` without buckets, and when Redis does not answer: the request may proceed.
    pub async fn acquire(&self, buckets: &[Bucket], cost: u32) -> Option<Decision> {
        if buckets.is_empty() {
            return None;
        }
        match &self.0 {
            Store::Local(local) => local.acquire(buckets, cost),
            Store::Redis(redis) => redis.acquire(buckets, cost).await,
        }
    }
}
