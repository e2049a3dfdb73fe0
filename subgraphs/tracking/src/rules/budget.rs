//! How many calls the hourly budget of a carrier currently allows.

use chrono::{DateTime, TimeDelta, Utc};

/// A token bucket stored as a single time: when it is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Time to refill one token.
    interval: TimeDelta,
    /// The bucket's capacity.
    burst: i32,
}

/// One in this many of an hour's calls may be made at once.
const BURST: u32 = 20;

impl Budget {
    /// No hour has more than `hourly` calls: the burst is deducted from the rate.
    pub(crate) fn hourly(hourly: u32) -> Self {
        let burst = (hourly / BURST).max(1);
        let rest = i32::try_from((hourly - burst.min(hourly)).max(1)).unwrap_or(i32::MAX);
        Self {
            interval: TimeDelta::hours(1) / rest,
            burst: i32::try_from(burst).unwrap_or(i32::MAX),
        }
    }

    /// Half of the capacity, reserved for watched parcels.
    pub(crate) fn reserve(self) -> usize {
        usize::try_from(self.burst / 2).unwrap_or_default()
    }

    /// Spends up to `requested` tokens from a bucket that is full at `full_at`, leaving `reserve` in it. Returns the
    /// number spent, and when the bucket is full again.
    pub(crate) fn spend(
        self,
        full_at: DateTime<Utc>,
        now: DateTime<Utc>,
        requested: usize,
        reserve: usize,
    ) -> (usize, DateTime<Utc>) {
        let whole = self.interval * self.burst;
        // A time further ahead was written by a clock that has been set back since.
        let missing = (full_at - now).clamp(TimeDelta::zero(), whole);
        let interval = self.interval.num_microseconds().unwrap_or(1).max(1);
        let left = (whole - missing).num_microseconds().unwrap_or_default() / interval;
        let left = usize::try_from(left).unwrap_or_default();
        let spent = requested.min(left.saturating_sub(reserve));
        // At most the burst, which is an i32.
        let cost = self.interval * i32::try_from(spent).unwrap_or(i32::MAX);
        (spent, now + missing + cost)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_759_500_000, 0).unwrap()
    }

    #[test]
    fn a_burst_is_there_at_once_and_then_the_pace_of_the_hour() {
        let budget = Budget::hourly(2_000);
        let now = start();
        let (spent, full_at) = budget.spend(now, now, 500, 0);
        assert_eq!(spent, 100);
        assert_eq!(budget.spend(full_at, now, 500, 0).0, 0);
        // 1,900 remain for the hour: 19 in 36 seconds.
        let later = now + TimeDelta::seconds(36);
        assert_eq!(budget.spend(full_at, later, 500, 0).0, 19);
    }

    #[test]
    fn the_reserve_is_for_those_that_are_watched() {
        let budget = Budget::hourly(2_000);
        let now = start();
        let (others, full_at) = budget.spend(now, now, 500, budget.reserve());
        assert_eq!(others, 50);
        assert_eq!(budget.spend(full_at, now, 500, budget.reserve()).0, 0);
        assert_eq!(budget.spend(full_at, now, 500, 0).0, 50);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nobody_for_long() {
        let budget = Budget::hourly(500);
        let now = start();
        let (spent, full_at) = budget.spend(now + TimeDelta::days(9), now, 1, 0);
        assert_eq!(spent, 0);
        assert!(full_at <= now + TimeDelta::minutes(10), "{full_at}");
    }

    proptest! {
        #[test]
        fn no_hour_sees_more_than_the_carrier_allows(
            hourly in 1_u32..3_000,
            asked in prop::collection::vec((0_i64..600, 1_usize..200), 1..100),
        ) {
            let budget = Budget::hourly(hourly);
            let mut now = start();
            let mut full_at = now;
            let mut spent: Vec<(DateTime<Utc>, usize)> = Vec::new();
            for (seconds, requested) in asked {
                now += TimeDelta::seconds(seconds);
                let granted;
                (granted, full_at) = budget.spend(full_at, now, requested, 0);
                spent.push((now, granted));
            }
            for (begin, _) in &spent {
                let hour = *begin..*begin + TimeDelta::hours(1);
                let count: usize = spent
                    .iter()
                    .filter(|(at, _)| hour.contains(at))
                    .map(|(_, count)| count)
                    .sum();
                // With a budget of one per hour, there is one call at once and one when the hour is over.
                prop_assert!(count <= hourly.max(2) as usize, "{count} of {hourly}");
            }
        }
    }
}
