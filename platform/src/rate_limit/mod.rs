//! Rate limits by token bucket: a request takes its cost from each bucket that it counts against, or from none.
//!
//! Our own, because a request counts against several buckets at once, whose quotas differ, and because the same rule
//! has to hold in the process and in Redis.

mod bucket;
mod local;
mod redis;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ::redis::RedisError;

pub use self::bucket::tightest;
use self::local::LocalBuckets;
use self::redis::RedisBuckets;
use crate::clock::Clock;

/// How much a bucket holds, and how fast it fills again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub cost_per_minute: u32,
    /// What a full bucket holds.
    pub burst: u32,
}

/// A bucket that a request counts against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What is limited and whose it is, such as `user:usr_…`.
    pub key: String,
    pub quota: Quota,
}

/// Whether a request may go on, and how the bucket stands that has the least left for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub quota: Quota,
    /// What is left in the bucket.
    pub remaining: u32,
    /// Until the bucket is full, if nothing more is taken.
    pub reset: Duration,
    /// How long to wait, for a request that is refused.
    pub retry_after: Option<Duration>,
}

impl Decision {
    pub const fn is_allowed(&self) -> bool {
        self.retry_after.is_none()
    }
}

/// Decides in the process, or in Redis for all instances that share it.
#[derive(Debug)]
pub struct RateLimiter(Store);

#[derive(Debug)]
enum Store {
    Local(LocalBuckets),
    Redis(RedisBuckets),
}

impl RateLimiter {
    /// Counts in this process, in at most `max_buckets` buckets: beyond them, those that are used least are forgotten,
    /// which fills them.
    pub fn in_process(clock: Clock, max_buckets: u64) -> Self {
        Self(Store::Local(LocalBuckets::new(clock, max_buckets)))
    }

    /// Counts in the Redis server at this URL. Requests that it does not decide on in time pass, and are counted in
    /// `vantage_rate_limit_skips_total`.
    ///
    /// # Errors
    /// When the URL is none; the server need not be there yet.
    pub fn redis(url: &str) -> Result<Self, RedisError> {
        Ok(Self(Store::Redis(RedisBuckets::new(url)?)))
    }

    /// Waits this long for each decision of Redis, instead of 20 ms.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self(match self.0 {
            Store::Redis(redis) => Store::Redis(redis.with_patience(patience)),
            local @ Store::Local(_) => local,
        })
    }

    /// Takes `cost` from each of these buckets, or from none if one of them has too little. What costs more than a
    /// bucket holds takes a full bucket, and leaves it in debt.
    ///
    /// `None` without buckets, and when Redis does not answer: the request may go on.
    pub async fn take(&self, buckets: &[Bucket], cost: u32) -> Option<Decision> {
        if buckets.is_empty() {
            return None;
        }
        match &self.0 {
            Store::Local(local) => local.take(buckets, cost),
            Store::Redis(redis) => redis.take(buckets, cost).await,
        }
    }
}
