//! When a failed operation is retried, and when it is given up.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::backoff::Backoff;

/// Longest stored error text, in characters.
const ERROR_LENGTH: usize = 500;

/// Attempts, and the waits between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    pub(crate) attempts: i32,
}

impl RetryPolicy {
    /// Gives up after some twenty minutes: long enough to deploy a fix.
    pub(crate) const DEFAULT: Self = Self {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(300),
        attempts: 12,
    };

    /// When to retry after this many failures, or `None` to give up.
    pub(crate) fn next(&self, failures: i32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (failures < self.attempts).then(|| {
            let earlier = u32::try_from(failures.saturating_sub(1)).unwrap_or(0);
            let wait = Backoff::new(self.first, self.longest)
                .after(earlier)
                .next_wait();
            now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)
        })
    }
}

/// An error's text for storage: with its causes, truncated.
pub(crate) fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text.chars().take(ERROR_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_then_it_is_given_up() {
        let policy = RetryPolicy {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5),
            attempts: 5,
        };
        let now = DateTime::UNIX_EPOCH;
        for (failures, limit) in [(1, 1), (2, 2), (3, 4), (4, 5)] {
            let limit = TimeDelta::seconds(limit);
            let wait = policy.next(failures, now).unwrap() - now;
            assert!(
                wait >= limit / 2 && wait <= limit,
                "{wait} after {failures}"
            );
        }
        assert_eq!(policy.next(5, now), None);
    }
}
