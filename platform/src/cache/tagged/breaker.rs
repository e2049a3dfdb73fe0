//! Leaves a server alone that has failed several times in a row. Unlike [`CircuitBreaker`](crate::http::CircuitBreaker), it
//! also hears of what is tried meanwhile: changes always are, and their answer ends the pause.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;

/// Failures in a row after which it is left alone for a while.
const MAX_FAILURES: u32 = 3;

/// Counts failures, and says when to try again.
pub(super) struct Breaker {
    failures: u32,
    backoff: Backoff,
    retry_at: Option<Instant>,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            failures: 0,
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            retry_at: None,
        }
    }

    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.retry_at.is_some_and(|retry_at| now < retry_at)
    }

    /// Returns whether it was open before.
    pub(super) fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.backoff.reset();
        self.retry_at.take().is_some()
    }

    /// Returns whether it opens with this failure.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < MAX_FAILURES {
            return false;
        }
        let wait = self.backoff.next_wait();
        self.retry_at.replace(now + wait).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_it_is_left_alone_for_a_while() {
        let mut breaker = Breaker::new();
        let now = Instant::now();
        assert!(!breaker.failed(now) && !breaker.failed(now));
        assert!(!breaker.succeeded());
        assert!(!breaker.failed(now) && !breaker.failed(now));
        assert!(!breaker.is_open(now));
        assert!(breaker.failed(now));
        assert!(breaker.is_open(now));
        let later = now + Duration::from_millis(101);
        assert!(!breaker.is_open(later), "one may try");
        assert!(!breaker.failed(later), "it was open before");
        assert!(breaker.is_open(later));
        assert!(breaker.succeeded());
        assert!(!breaker.is_open(later));
    }
}
