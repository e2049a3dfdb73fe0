//! Which ways of shipping there are for a parcel, what they cost, and when it arrives.

use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};
use rust_decimal::Decimal;

/// The price of parcels up to a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WeightStep {
    /// The heaviest parcel of this price.
    pub to_grams: i64,
    /// In US dollars.
    pub usd: Decimal,
}

/// The step of a parcel of this weight; `None` if it is too heavy. Steps are sorted by weight.
pub(crate) fn step(steps: &[WeightStep], grams: i64) -> Option<usize> {
    steps.iter().position(|step| grams <= step.to_grams)
}

/// The weight of a parcel; products without a weight have the default one.
pub(crate) fn weight(lines: impl IntoIterator<Item = (Option<i32>, i32)>, default: i32) -> i64 {
    let weights = lines
        .into_iter()
        .map(|(grams, quantity)| i64::from(grams.unwrap_or(default)) * i64::from(quantity));
    weights.sum()
}

/// The same time this many business days later: Monday to Friday.
pub(crate) fn after_business_days(from: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    let mut at = from;
    let mut left = days;
    while left > 0 {
        at += TimeDelta::days(1);
        if !matches!(at.weekday(), Weekday::Sat | Weekday::Sun) {
            left -= 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_parcel_costs_what_its_weight_costs_and_may_be_too_heavy() {
        let steps = [(2_000, 599), (20_000, 1_999)].map(|(to_grams, cents)| WeightStep {
            to_grams,
            usd: Decimal::new(cents, 2),
        });
        let cases = [
            (0, Some(0)),
            (2_000, Some(0)),
            (2_001, Some(1)),
            (20_000, Some(1)),
            (20_001, None),
        ];
        for (grams, expected) in cases {
            assert_eq!(step(&steps, grams), expected, "{grams}");
        }
        let lines = [(Some(1_200), 2), (None, 3), (Some(i32::MAX), 99)];
        let grams = 2_400 + 1_500 + 99 * i64::from(i32::MAX);
        assert_eq!(weight(lines, 500), grams);
    }

    #[test]
    fn nothing_arrives_on_a_weekend() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        // 2025-10-09 is a Thursday.
        for (days, expected) in [
            (0, "2025-10-09T14:30:00Z"),
            (1, "2025-10-10T14:30:00Z"),
            (2, "2025-10-13T14:30:00Z"),
            (6, "2025-10-17T14:30:00Z"),
            (7, "2025-10-20T14:30:00Z"),
        ] {
            assert_eq!(
                after_business_days(at("2025-10-09T14:30:00Z"), days),
                at(expected)
            );
        }
        let saturday = at("2025-10-11T00:00:00Z");
        assert_eq!(after_business_days(saturday, 1), at("2025-10-13T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn more_days_never_arrive_earlier(seconds in 0_i64..4_000_000_000, days in 0_u32..30) {
            let from = DateTime::from_timestamp(seconds, 0).unwrap();
            let (one, next) = (after_business_days(from, days), after_business_days(from, days + 1));
            prop_assert!(from <= one && one < next);
            prop_assert!(next - one <= TimeDelta::days(3));
        }
    }
}
