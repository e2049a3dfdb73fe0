//! A product's price in US cents: the base price plus adjustments, but never below the floor.

use chrono::{DateTime, Utc};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// By how much an adjustment changes the base price; negative for a discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Of the base price.
    Percent(Decimal),
    /// In US cents.
    UsdMinor(i64),
}

impl Amount {
    /// In US cents, for this base price; a percentage is rounded down, which favours the customer.
    pub(crate) fn usd_minor(self, base: i64) -> i64 {
        match self {
            Self::Percent(percent) => share(base, percent, RoundingStrategy::ToNegativeInfinity),
            Self::UsdMinor(minor) => minor,
        }
    }
}

/// A product's price with its adjustments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub usd_minor: i64,
    /// The adjustments would take the price below the floor.
    pub at_floor: bool,
}

/// The base price with its adjustments: never negative, nor below this percentage of the base price.
pub(crate) fn current(
    base: i64,
    adjustments: impl IntoIterator<Item = i64>,
    floor_percent: Decimal,
) -> Current {
    let adjusted = adjustments.into_iter().fold(base, i64::saturating_add);
    let floor = share(base, floor_percent, RoundingStrategy::ToPositiveInfinity).max(0);
    Current {
        usd_minor: adjusted.max(floor),
        at_floor: adjusted < floor,
    }
}

/// One percent. Multiplying by it takes a fraction of the time of a division by a hundred.
const PERCENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// This percentage of an amount; at most as much as 64 bits hold.
fn share(minor: i64, percent: Decimal, rounding: RoundingStrategy) -> i64 {
    let exact = Decimal::from(minor).checked_mul(percent * PERCENT);
    let whole = exact.map(|exact| exact.round_dp_with_strategy(0, rounding));
    let beyond = match (minor < 0) == percent.is_sign_negative() {
        true => i64::MAX,
        false => i64::MIN,
    };
    whole.and_then(|whole| whole.to_i64()).unwrap_or(beyond)
}

/// The comparison price, only if it is higher than the current one: showing a lower or equal one makes no sense.
pub(crate) fn compare_at(stored: Option<i64>, current: i64) -> Option<i64> {
    stored.filter(|&price| price > current)
}

/// When the next of these periods begins or ends.
pub(crate) fn next_change(
    periods: impl IntoIterator<Item = (DateTime<Utc>, Option<DateTime<Utc>>)>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    periods
        .into_iter()
        .flat_map(|(from, until)| [Some(from), until])
        .flatten()
        .filter(|moment| *moment > now)
        .min()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(base: i64, adjustments: &[i64], floor_percent: i64) -> (i64, bool) {
        let current = current(base, adjustments.iter().copied(), floor_percent.into());
        (current.usd_minor, current.at_floor)
    }

    #[test]
    fn adjustments_add_up_and_stop_at_the_floor() {
        assert_eq!(at(4_999, &[], 10), (4_999, false));
        assert_eq!(at(4_999, &[-500, 200], 10), (4_699, false));
        assert_eq!(at(300, &[-500], 0), (0, true));
        assert_eq!(at(300, &[-500, 300], 0), (100, false));
        assert_eq!(at(1_000, &[-900], 10), (100, false));
        assert_eq!(at(1_000, &[-901], 10), (100, true));
        // Ten percent of 9.99 are 0.999.
        assert_eq!(at(999, &[-999], 10), (100, true));
        assert_eq!(at(0, &[-1], 10), (0, true));
    }

    #[test]
    fn a_percentage_of_the_base_price_is_rounded_for_the_customer() {
        let cases = [
            ("-15", 4_999, -750),
            ("-15", 5_000, -750),
            ("10", 999, 99),
            ("-0.01", 1, -1),
            ("-100", 4_999, -4_999),
        ];
        for (percent, base, expected) in cases {
            let amount = Amount::Percent(percent.parse().unwrap());
            assert_eq!(amount.usd_minor(base), expected, "{percent} % of {base}");
        }
    }

    #[test]
    fn only_a_higher_price_is_compared_with() {
        assert_eq!(compare_at(Some(6_000), 5_000), Some(6_000));
        assert_eq!(compare_at(Some(5_000), 5_000), None);
        assert_eq!(compare_at(Some(4_000), 5_000), None);
        assert_eq!(compare_at(None, 5_000), None);
    }

    #[test]
    fn the_next_change_is_the_first_moment_that_is_still_to_come() {
        let now = DateTime::UNIX_EPOCH;
        let hours = |hours| now + TimeDelta::hours(hours);
        let cases = [
            (vec![], None),
            (vec![(hours(-2), None)], None),
            (vec![(hours(0), None)], None),
            (vec![(hours(-2), Some(hours(3)))], Some(3)),
            (vec![(hours(1), Some(hours(3))), (hours(2), None)], Some(1)),
        ];
        for (periods, expected) in cases {
            assert_eq!(next_change(periods, now), expected.map(hours));
        }
    }

    proptest! {
        #[test]
        fn no_adjustment_takes_a_price_below_zero_or_the_floor(
            base in 0_i64..=1_000_000_000_000,
            adjustments in proptest::collection::vec(-2_000_000_000_000_i64..2_000_000_000_000, 0..8),
            floor in 0_i64..=100,
        ) {
            let (current, at_floor) = at(base, &adjustments, floor);
            prop_assert!(current >= 0);
            prop_assert!(i128::from(current) * 100 >= i128::from(base) * i128::from(floor));
            let sum = base + adjustments.iter().sum::<i64>();
            prop_assert_eq!(current, if at_floor { current } else { sum });
            prop_assert!(current >= sum);
        }

        #[test]
        fn a_percentage_is_within_a_cent_of_its_exact_value_and_never_above(
            base in 0_i64..=1_000_000_000_000,
            percent in -10_000_i64..=10_000,
        ) {
            let cents = Amount::Percent(Decimal::new(percent, 2)).usd_minor(base);
            let exact = i128::from(base) * i128::from(percent);
            let cents = i128::from(cents) * 10_000;
            prop_assert!(cents <= exact && exact - cents < 10_000);
        }
    }
}
