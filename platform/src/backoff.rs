//! How long to wait before trying again.

use std::time::Duration;

use rand::RngExt;

/// Exponential backoff with jitter, so that callers that failed together do not retry together.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    attempts: u32,
}

impl Backoff {
    /// Waits about `first`, then doubles each time, up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            attempts: 0,
        }
    }

    /// Starts as if this many attempts had already failed.
    pub const fn after(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The next wait: between half of this attempt's limit and all of it.
    pub fn next_wait(&mut self) -> Duration {
        let limit = self
            .first
            .saturating_mul(2_u32.saturating_pow(self.attempts))
            .min(self.longest);
        self.attempts = self.attempts.saturating_add(1);
        limit.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Call after a success: the next failure counts as the first.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_a_success() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, longest);
        for expected in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            let limit = Duration::from_millis(expected);
            let wait = backoff.next_wait();
            assert!(wait >= limit / 2 && wait <= limit, "{wait:?} of {limit:?}");
        }
        for _ in 0..100 {
            assert!(backoff.next_wait() <= longest);
        }
        backoff.reset();
        assert!(backoff.next_wait() <= first);
    }
}
