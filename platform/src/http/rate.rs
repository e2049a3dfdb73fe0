//! A token bucket that tells how long to wait for a turn, in place of refusing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::policy::Rate;

/// Gives out turns in the order they are asked for.
#[derive(Debug)]
pub(super) struct Bucket {
    /// How long one token takes to come back.
    interval: Duration,
    /// How far ahead of an even pace turns may be.
    slack: Duration,
    /// When the bucket is full again if nobody asks any more.
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    /// The burst is taken from the count, so that no window of `per` sees more than `count`.
    pub(super) fn new(rate: Rate) -> Self {
        let count = rate.count.max(1);
        let burst = rate.burst.clamp(1, count);
        let interval = rate.per / (count - burst).max(1);
        Self {
            interval,
            slack: interval * (burst - 1),
            full_at: Mutex::new(None),
        }
    }

    /// How long to wait for the next turn, which is then taken; `None`, and nothing taken, when that is
    /// longer than `patience`.
    pub(super) fn reserve(&self, now: Instant, patience: Duration) -> Option<Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = full_at.map_or(now, |at| at.max(now));
        let wait = (pace - now).saturating_sub(self.slack);
        if wait > patience {
            return None;
        }
        *full_at = Some(pace + self.interval);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn bucket(count: u32, burst: u32) -> Bucket {
        Bucket::new(Rate {
            count,
            per: MINUTE,
            burst,
        })
    }

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_at_the_pace() {
        let bucket = bucket(80, 20);
        let now = Instant::now();
        for _ in 0..20 {
            assert_eq!(bucket.reserve(now, MINUTE), Some(Duration::ZERO));
        }
        for turn in 1..=5 {
            assert_eq!(
                bucket.reserve(now, MINUTE),
                Some(Duration::from_secs(turn)),
                "60 a minute are left after a burst of 20"
            );
        }
    }

    #[test]
    fn who_will_not_wait_so_long_takes_no_turn() {
        let bucket = bucket(61, 1);
        let now = Instant::now();
        assert_eq!(bucket.reserve(now, MINUTE), Some(Duration::ZERO));
        for _ in 0..3 {
            assert_eq!(bucket.reserve(now, Duration::from_millis(999)), None);
        }
        let turn = bucket.reserve(now, Duration::from_secs(1));
        assert_eq!(turn, Some(Duration::from_secs(1)));
    }

    proptest! {
        #[test]
        fn no_window_sees_more_than_the_count(
            count in 2_u32..100,
            burst in 1_u32..100,
            gaps in prop::collection::vec(0_u64..3_000, 1..300),
        ) {
            let burst = burst.min(count - 1);
            let bucket = bucket(count, burst);
            let mut now = Instant::now();
            let mut sent: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                let wait = bucket.reserve(now, Duration::MAX).unwrap();
                sent.push(now + wait);
            }
            for (first, start) in sent.iter().enumerate() {
                let window = sent[first..].iter().filter(|at| **at < *start + MINUTE).count();
                prop_assert!(window <= count as usize, "{window} of {count}");
            }
        }
    }
}
