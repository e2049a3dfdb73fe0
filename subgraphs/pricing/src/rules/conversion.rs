//! Converts US dollars to other currencies. No other code in the graph converts.

use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;

/// The amount in the other currency, rounded down: a price is never rounded against the customer. `None` if it exceeds
/// a decimal or 64 bits of minor units.
pub(crate) fn convert(usd: Decimal, effective_rate: Decimal, to: CurrencyCode) -> Option<Money> {
    let scale = usd.scale() + effective_rate.scale();
    match usd.mantissa().checked_mul(effective_rate.mantissa()) {
        Some(exact) => {
            let minor = floor(exact, scale, to.decimal_places())?;
            Some(Money::new(i64::try_from(minor).ok()?, to))
        }
        None => convert_large(usd, effective_rate, to),
    }
}

/// Digits with this many decimals, rounded down to fewer, or with more.
fn floor(digits: i128, scale: u32, places: u32) -> Option<i128> {
    if scale < places {
        return digits.checked_mul(10_i128.checked_pow(places - scale)?);
    }
    match 10_i128.checked_pow(scale - places) {
        Some(unit) => Some(digits.div_euclid(unit)),
        // More than all digits there can be.
        None => Some(if digits < 0 { -1 } else { 0 }),
    }
}

/// Like [`convert`], for a product whose digits exceed 128 bits.
fn convert_large(usd: Decimal, effective_rate: Decimal, to: CurrencyCode) -> Option<Money> {
    let product = usd.checked_mul(effective_rate)?;
    let money = Money::from_decimal(product, to, Rounding::Down)?;
    let scale = usd.scale() + effective_rate.scale();
    if product.scale() < scale && money.decimal() == product {
        // More digits than a decimal holds: the product was rounded to this amount, perhaps up.
        let exact = usd.mantissa().wrapping_mul(effective_rate.mantissa());
        let unit = 10_i128.wrapping_pow(scale.saturating_sub(to.decimal_places()));
        let rounded = i128::from(money.minor).wrapping_mul(unit);
        // They differ by half a unit of the product's last digit at most, which these bits hold, whatever they overflow.
        if exact.wrapping_sub(rounded) < 0 {
            return Some(Money::new(money.minor.checked_sub(1)?, to));
        }
    }
    Some(money)
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
        // The product has thirty decimals: 0.009999….
        let third = decimal("0.3333333333333333333333333333");
        let money = convert(decimal("0.03"), third, CurrencyCode::Eur).unwrap();
        assert_eq!(money.decimal().to_string(), "0.00");
        let money = convert(decimal("0.030"), third + third + third, CurrencyCode::Eur).unwrap();
        assert_eq!(money.decimal().to_string(), "0.02");
        let money = convert(
            decimal("1.00"),
            decimal("1.0000000000000000000000000000"),
            CurrencyCode::Eur,
        );
        assert_eq!(money.unwrap().decimal().to_string(), "1.00");
        assert_eq!(convert(Decimal::MAX, decimal("2"), CurrencyCode::Eur), None);
    }

    proptest! {
        #[test]
        fn a_rate_of_any_digits_gives_the_exact_amount_rounded_down(
            usd in 0_i128..1 << 34,
            usd_scale in 2_u32..8,
            rate in 1_i128..1 << 92,
            rate_scale in 15_u32..=28,
            is_on_a_unit in proptest::bool::ANY,
        ) {
            // Amounts near a whole unit are where rounding up would show.
            let rate = match is_on_a_unit {
                true => 10_i128.pow(rate_scale) / usd.max(1),
                false => rate,
            };
            let scales = (Decimal::from_i128_with_scale(usd, usd_scale), Decimal::from_i128_with_scale(rate, rate_scale));
            for to in CurrencyCode::ALL {
                let exact = (usd * rate).div_euclid(10_i128.pow(usd_scale + rate_scale - to.decimal_places()));
                let money = convert(scales.0, scales.1, to).map(|money| money.minor);
                prop_assert_eq!(money, i64::try_from(exact).ok());
            }
        }

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
