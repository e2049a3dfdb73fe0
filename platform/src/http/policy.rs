//! How a provider is called: how long, how often, and when to leave it alone.

use std::time::Duration;

use crate::database::Database;

/// How one provider is called.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long one attempt may take, from connecting to the last byte.
    pub attempt_timeout: Duration,
    /// How long a call may take with its waits and repeats.
    pub deadline: Duration,
    /// How many times a call is tried at most; at least once.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles after that, with jitter.
    pub first_wait: Duration,
    /// How many attempts the provider allows; calls beyond wait for their turn. `None`: any number.
    pub rate: Option<Rate>,
    /// Where attempts are counted for all processes. `None`: for this one alone.
    pub rate_shared_in: Option<Database>,
    /// When to stop calling a provider that does not answer.
    pub breaker: Breaker,
    /// A longer body is refused, and not read to its end. In bytes, after decompression.
    pub max_response_bytes: usize,
}

/// At most `count` attempts in any `per`, of which `burst` may leave at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
    pub burst: u32,
}

/// Opens after `failures` attempts in a row that failed on the provider's side; lets one through to see
/// whether it answers again, first after `open_for`, then, as long as it does not, after twice the wait
/// before, up to `longest`.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    pub failures: u32,
    /// Opens sooner after so many attempts in a row that were never answered, while no other was: each of them kept its
    /// caller waiting.
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
