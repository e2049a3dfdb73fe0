//! How a provider is called: timeouts, retries, rate limit and circuit breaker.

use std::time::Duration;

use crate::database::Database;

/// How one provider is called.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Time for one attempt, from connecting to the last byte.
    pub attempt_timeout: Duration,
    /// Time for a call with its waits and retries.
    pub deadline: Duration,
    /// Most attempts per call; at least one.
    pub attempts: u32,
    /// The wait before the second attempt; doubles from then on, with jitter.
    pub first_wait: Duration,
    /// The provider's rate limit; calls beyond it wait. `None`: unlimited.
    pub rate: Option<Rate>,
    /// Where attempts are counted across processes. `None`: this process counts alone.
    pub rate_shared_in: Option<Database>,
    /// When to stop calling a provider that does not answer.
    pub breaker: Breaker,
    /// In bytes after decompression. A longer body is rejected without reading it to its end.
    pub max_response_bytes: usize,
}

/// At most `count` attempts in any `per`, of which `burst` may start at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
    pub burst: u32,
}

/// Opens after `failures` consecutive attempts that failed on the provider's side, then admits one probe after
/// `open_for`. Each failed probe doubles the pause, up to `longest`.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    pub failures: u32,
    /// Opens sooner, after this many consecutive attempts that timed out while no other was answered, since each of
    /// them kept its caller waiting.
    pub hangs: u32,
    pub open_for: Duration,
    pub longest: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(30),
            attempts: 3,
            first_wait: Duration::from_millis(250),
            rate: None,
            rate_shared_in: None,
            breaker: Breaker {
                failures: 5,
                hangs: 3,
                open_for: Duration::from_secs(1),
                longest: Duration::from_secs(8),
            },
            max_response_bytes: 4 << 20,
        }
    }
}
