//! How rates are kept fresh, and what is done about old ones and those that move too far.

use std::time::Duration;

use chrono::TimeDelta;
use rust_decimal::Decimal;

use crate::rules::freshness::{self, RateFreshness};

/// How exchange rates are fetched and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatesConfig {
    /// Time from one fetch to the next.
    pub refresh_interval: Duration,
    /// A rate is fresh below this age.
    pub fresh_for: Duration,
    /// A rate is stale up to this age, and very stale past it.
    pub stale_for: Duration,
    /// Percent by which prices are lowered when their rate is very stale; from 0 to below 100.
    pub buffer_percent: Decimal,
    /// A fetched rate that differs by more percent from the last known one is held back.
    pub max_move_percent: Decimal,
    /// A held rate is used if a second source's differs from it by no more percent.
    pub agree_percent: Decimal,
}

impl Default for RatesConfig {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_secs(15 * 60),
            fresh_for: Duration::from_secs(15 * 60),
            stale_for: Duration::from_secs(60 * 60),
            buffer_percent: Decimal::ONE,
            max_move_percent: Decimal::TEN,
            agree_percent: Decimal::ONE,
        }
    }
}

/// The most by which a fetch comes before a rate would stop being fresh.
const LONGEST_LEAD: Duration = Duration::from_secs(10);

impl RatesConfig {
    /// Time from one fetch to the next, so that the next is there a little before the last stops being fresh.
    pub(crate) fn fetch_interval(&self) -> Duration {
        let lead = (self.fresh_for / 10).min(LONGEST_LEAD);
        self.refresh_interval.min(self.fresh_for - lead)
    }

    /// The freshness of a rate of this age.
    pub(crate) fn freshness(&self, age: TimeDelta) -> RateFreshness {
        freshness::of_age(age, delta(self.fresh_for), delta(self.stale_for))
    }

    /// In what time the freshness of a rate of this age changes; `None` if it does not.
    pub(crate) fn freshness_changes_in(&self, age: TimeDelta) -> Option<TimeDelta> {
        freshness::changes_in(age, delta(self.fresh_for), delta(self.stale_for))
    }

    /// Percent by which prices are lowered, so that an old rate never costs the customer.
    pub(crate) fn buffer(&self, freshness: RateFreshness) -> Decimal {
        match freshness {
            RateFreshness::Fresh | RateFreshness::Stale => Decimal::ZERO,
            RateFreshness::VeryStale => self.buffer_percent,
        }
    }

    /// How often the age of rates is looked at: often enough that its changes are reported soon.
    pub(crate) fn watch_interval(&self) -> Duration {
        let shortest = self
            .fresh_for
            .min(self.stale_for.saturating_sub(self.fresh_for));
        (shortest / 10).clamp(Duration::from_millis(100), Duration::from_secs(10))
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_fetched_again_before_it_stops_being_fresh() {
        let config = |refresh, fresh| RatesConfig {
            refresh_interval: Duration::from_secs(refresh),
            fresh_for: Duration::from_secs(fresh),
            ..RatesConfig::default()
        };
        let seconds = |refresh, fresh| config(refresh, fresh).fetch_interval().as_secs_f64();
        assert_eq!(seconds(900, 900), 890.0);
        assert_eq!(seconds(1, 3), 1.0);
        assert_eq!(seconds(60, 3), 2.7);
    }
}
