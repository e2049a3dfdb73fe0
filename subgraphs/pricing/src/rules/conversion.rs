//! Converts US dollars to other currencies. No other code in the graph converts.

use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;

/// The amount in the other currency, rounded down: a price is never rounded against the customer. `None` if it exceeds
/// a decimal or 64 bits of minor units.
pub(crate) fn convert(usd: Decimal, effective_rate: Decimal, to: CurrencyCode) -> Option<Money> {
    Money::from_decimal(usd.checked_mul(effective_rate)?, to, Rounding::Down)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_converted_price_is_rounded_down_to_the_currencys_decimals() {
        let cases = [
            ("100", "0.29456", CurrencyCode::Eur, "29.45"),
            ("32", "0.9205", CurrencyCode::Eur, "29.45"),
            ("19.99", "149.2537", CurrencyCode::Jpy, "2983"),
            ("0.01", "0.79", CurrencyCode::Gbp, "0.00"),
            ("10", "17", CurrencyCode::Mxn, "170.00"),
        ];
        for (usd, rate, to, expected) in cases {
            let money = convert(decimal(usd), decimal(rate), to).unwrap();
            assert_eq!(money.decimal().to_string(), expected);
        }
        assert_eq!(convert(Decimal::MAX, decimal("2"), CurrencyCode::Eur), None);
    }

    proptest! {
        #[test]
        fn a_price_is_never_above_its_exact_value_and_less_than_a_unit_below(
            cents in 0_i64..1_000_000_000,
            rate in 1_i64..1_000_000_000,
        ) {
            let usd = Decimal::new(cents, 2);
            let rate = Decimal::new(rate, 6);
            for to in CurrencyCode::ALL {
                let money = convert(usd, rate, to).unwrap().decimal();
                let exact = usd * rate;
                prop_assert!(money <= exact);
                prop_assert!(exact - money < Decimal::new(1, to.decimal_places()));
            }
        }
    }
}
