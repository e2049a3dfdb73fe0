//! A product's price in US cents: the base price plus adjustments.

/// The base price with its adjustments, never negative.
pub(crate) fn current(base: i64, adjustments: impl IntoIterator<Item = i64>) -> i64 {
    adjustments
        .into_iter()
        .fold(base, i64::saturating_add)
        .max(0)
}

/// The comparison price, only if it is higher than the current one: showing a lower or equal one makes no sense.
pub(crate) fn compare_at(stored: Option<i64>, current: i64) -> Option<i64> {
    stored.filter(|&price| price > current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjustments_add_up_and_a_price_is_never_negative() {
        let cases: [(i64, &[i64], i64); 4] = [
            (4_999, &[], 4_999),
            (4_999, &[-500, 200], 4_699),
            (300, &[-500], 0),
            (300, &[-500, 300], 100),
        ];
        for (base, adjustments, expected) in cases {
            assert_eq!(current(base, adjustments.iter().copied()), expected);
        }
    }

    #[test]
    fn only_a_higher_price_is_compared_with() {
        assert_eq!(compare_at(Some(6_000), 5_000), Some(6_000));
        assert_eq!(compare_at(Some(5_000), 5_000), None);
        assert_eq!(compare_at(Some(4_000), 5_000), None);
        assert_eq!(compare_at(None, 5_000), None);
    }
}
