//! How far a rate can be trusted by its age, and the buffer for old rates.

use chrono::Duration;
pub(crate) use entities::pricing::rate_freshness::RateFreshness;
use rust_decimal::Decimal;

/// The freshness of a rate of this age: fresh below `fresh_for`, very stale beyond `stale_for`.
///
/// A slightly negative age, after the clock was set back, is fresh. The age of a rate from further ahead than
/// `fresh_for` is unknown: it is very stale, which is never at the customer's expense.
pub(crate) fn of_age(age: Duration, fresh_for: Duration, stale_for: Duration) -> RateFreshness {
    if age <= -fresh_for || age > stale_for {
        RateFreshness::VeryStale
    } else if age < fresh_for {
        RateFreshness::Fresh
    } else {
        RateFreshness::Stale
    }
}

/// In what time the freshness of a rate of this age changes; `None` if it does not.
pub(crate) fn changes_in(
    age: Duration,
    fresh_for: Duration,
    stale_for: Duration,
) -> Option<Duration> {
    let edge = if age <= -fresh_for {
        -fresh_for
    } else if age < fresh_for {
        fresh_for
    } else {
        stale_for
    };
    // Past the last one, it stays very stale.
    let left = edge.checked_sub(&age)?;
    (left >= Duration::zero()).then_some(left)
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
        let (fresh_for, stale_for) = (Duration::minutes(15), Duration::minutes(60));
        let cases = [
            (Duration::days(-1), VeryStale),
            (Duration::minutes(-15), VeryStale),
            (Duration::minutes(-15) + tick, Fresh),
            (Duration::zero(), Fresh),
            (Duration::minutes(15) - tick, Fresh),
            (Duration::minutes(15), Stale),
            (Duration::minutes(60), Stale),
            (Duration::minutes(60) + tick, VeryStale),
            (Duration::days(30), VeryStale),
        ];
        for (age, freshness) in cases {
            assert_eq!(of_age(age, fresh_for, stale_for), freshness, "{age}");
            if let Some(left) = changes_in(age, fresh_for, stale_for) {
                let at = |after| of_age(age + left + after, fresh_for, stale_for);
                assert_ne!(at(-tick), at(tick), "{age}");
            } else {
                assert_eq!(
                    of_age(Duration::MAX, fresh_for, stale_for),
                    freshness,
                    "{age}"
                );
            }
        }
    }

    #[test]
    fn the_buffer_lowers_the_rate_exactly() {
        let rate: Decimal = "0.920512".parse().unwrap();
        let buffered = buffered(rate, Decimal::ONE);
        assert_eq!(buffered.normalize().to_string(), "0.91130688");
    }
}
