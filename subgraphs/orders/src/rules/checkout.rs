//! Which totals can be paid, and which products need shipping.

use super::totals::Totals;

pub(crate) use entities::orders::order_item::Restriction;

/// The provider's minimum, in US cents.
pub(super) const LEAST_USD: i64 = 50;
/// The provider's maximum, in minor units of any currency: eight digits.
const MOST: i64 = 99_999_999;

/// The rule as an error message.
pub(crate) const PAYABLE: &str =
    "An order's total must be at least 0.50 US dollars and have at most 8 digits";

/// Whether the payment provider accepts this amount.
pub(crate) fn is_payable(totals: &Totals) -> bool {
    totals.total_usd >= LEAST_USD && (1..=MOST).contains(&totals.total)
}

/// Whether these products need shipping: all but digital ones do.
pub(crate) fn is_shipped(restrictions: impl IntoIterator<Item = Option<Restriction>>) -> bool {
    restrictions
        .into_iter()
        .any(|restriction| restriction != Some(Restriction::Digital))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_can_be_paid_from_fifty_cents_to_eight_digits() {
        let totals = |total, total_usd| Totals {
            taxes: Vec::new(),
            subtotal: total,
            shipping: 0,
            tax: 0,
            total,
            total_usd,
        };
        let cases = [
            (50, 50, true),
            (49, 49, false),
            (0, 0, false),
            (99_999_999, 650_000, true),
            (100_000_000, 650_000, false),
        ];
        for (total, usd, expected) in cases {
            assert_eq!(is_payable(&totals(total, usd)), expected, "{total} {usd}");
        }
    }

    #[test]
    fn only_what_is_digital_needs_no_parcel() {
        use Restriction::{Digital, Hazardous};
        assert!(is_shipped([None]));
        assert!(is_shipped([Some(Digital), Some(Hazardous)]));
        assert!(!is_shipped([Some(Digital), Some(Digital)]));
    }
}
