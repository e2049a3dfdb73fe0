//! The total of an order line.

use resolvers::money::Money;

/// Quantity times unit price, without tax; `None` if it exceeds 64 bits of minor units.
pub(crate) fn total(unit_price: Money, quantity: i32) -> Option<Money> {
    let minor = unit_price.minor.checked_mul(i64::from(quantity))?;
    Some(Money::new(minor, unit_price.currency))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use resolvers::money::CurrencyCode;

    proptest! {
        #[test]
        fn a_line_is_the_sum_of_its_units(minor in 0_i64..1_000_000_000, quantity in 0_i32..1_000) {
            for currency in CurrencyCode::ALL {
                let unit = Money::new(minor, currency);
                let sum: i64 = (0..quantity).map(|_| minor).sum();
                prop_assert_eq!(total(unit, quantity), Some(Money::new(sum, currency)));
            }
        }
    }

    #[test]
    fn an_absurd_line_is_no_amount_rather_than_a_wrong_one() {
        assert_eq!(total(Money::new(i64::MAX, CurrencyCode::Usd), 2), None);
    }
}
