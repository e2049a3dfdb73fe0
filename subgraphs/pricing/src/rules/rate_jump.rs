//! Whether a fetched rate is near enough to the last known one to be believed at once.

use rust_decimal::Decimal;

/// Whether the rate moved by more percent than it may, in either direction. Rates are positive.
pub(crate) fn is_too_far(last: Decimal, fetched: Decimal, max_percent: Decimal) -> bool {
    let moved = (fetched - last).abs().checked_mul(Decimal::ONE_HUNDRED);
    let allowed = last.checked_mul(max_percent);
    match (moved, allowed) {
        (Some(moved), Some(allowed)) => moved > allowed,
        // Beyond what a decimal holds.
        _ => true,
    }
}

/// The move in percent, with its sign, to two decimals; `None` beyond what a decimal holds.
pub(crate) fn percent(last: Decimal, fetched: Decimal) -> Option<Decimal> {
    let moved = (fetched - last).checked_mul(Decimal::ONE_HUNDRED)?;
    Some(moved.checked_div(last)?.round_dp(2).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_of_exactly_the_limit_is_believed_and_anything_beyond_is_not() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        let cases = [
            ("0.9", "0.9", false, "0"),
            ("0.9", "0.99", false, "10"),
            ("0.9", "0.990000000001", true, "10.00"),
            ("0.9", "0.81", false, "-10"),
            ("0.9", "0.809999999999", true, "-10.00"),
            ("0.8532", "1.02384", true, "20"),
            ("150", "1.5", true, "-99"),
        ];
        for (last, fetched, too_far, moved) in cases {
            let (last, fetched) = (decimal(last), decimal(fetched));
            assert_eq!(
                is_too_far(last, fetched, Decimal::TEN),
                too_far,
                "{last} → {fetched}"
            );
            assert_eq!(
                percent(last, fetched),
                Some(decimal(moved)),
                "{last} → {fetched}"
            );
        }
        assert!(is_too_far(Decimal::ONE, Decimal::MAX, Decimal::TEN));
        assert_eq!(percent(Decimal::ONE, Decimal::MAX), None);
    }
}
