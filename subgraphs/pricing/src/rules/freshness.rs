//! How far a rate can be trusted by its age, and the buffer for old rates.

use chrono::Duration;
use rust_decimal::Decimal;

/// The age of a rate, counted from when it was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateFreshness {
    /// Less than 15 minutes.
    Fresh,
    /// 15 to 60 minutes, inclusive.
    Stale,
    /// More than 60 minutes: prices include a buffer in the customer's favour.
    VeryStale,
}

/// From this age on, a rate is stale.
const STALE_FROM: Duration = Duration::minutes(15);
/// Beyond this age, it is very stale.
const VERY_STALE_PAST: Duration = Duration::minutes(60);

/// The freshness of a rate of this age. A negative age, after the clock was set back, is fresh.
pub(crate) fn of_age(age: Duration) -> RateFreshness {
    if age < STALE_FROM {
        RateFreshness::Fresh
    } else if age <= VERY_STALE_PAST {
        RateFreshness::Stale
    } else {
        RateFreshness::VeryStale
    }
}

/// How many percent prices are lowered, so that an old rate is never at the customer's expense.
pub(crate) fn buffer_percent(freshness: RateFreshness) -> Decimal {
    match freshness {
        RateFreshness::Fresh | RateFreshness::Stale => Decimal::ZERO,
        RateFreshness::VeryStale => Decimal::ONE,
    }
}

/// The rate minus the buffer, exactly.
pub(crate) fn buffered(rate: Decimal, percent: Decimal) -> Decimal {
    if percent.is_zero() {
        return rate;
    }
    rate * (Decimal::ONE - percent / Decimal::ONE_HUNDRED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use RateFreshness::{Fresh, Stale, VeryStale};

    #[test]
    fn freshness_changes_at_fifteen_minutes_and_past_sixty() {
        let tick = Duration::microseconds(1);
        let cases = [
            (Duration::minutes(-5), Fresh, "0"),
            (Duration::zero(), Fresh, "0"),
            (Duration::minutes(15) - tick, Fresh, "0"),
            (Duration::minutes(15), Stale, "0"),
            (Duration::minutes(60), Stale, "0"),
            (Duration::minutes(60) + tick, VeryStale, "1"),
            (Duration::days(30), VeryStale, "1"),
        ];
        for (age, freshness, buffer) in cases {
            assert_eq!(of_age(age), freshness, "{age}");
            assert_eq!(buffer_percent(freshness).to_string(), buffer);
        }
    }

    #[test]
    fn the_buffer_lowers_the_rate_exactly() {
        let rate: Decimal = "0.920512".parse().unwrap();
        let buffered = buffered(rate, Decimal::ONE);
        assert_eq!(buffered.normalize().to_string(), "0.91130688");
    }
}
