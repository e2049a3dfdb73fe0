//! Converts a price range in the customer's currency to US cents, so that a product is inside exactly if its displayed
//! price is.

use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// US cents, inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsdRange {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

impl UsdRange {
    pub fn contains(&self, usd_minor: i64) -> bool {
        self.min.is_none_or(|min| usd_minor >= min) && self.max.is_none_or(|max| usd_minor <= max)
    }
}

/// The US prices that are displayed within these bounds, at `rate` units of the currency per dollar.
pub(crate) fn usd_range(
    min: Option<Decimal>,
    max: Option<Decimal>,
    currency: CurrencyCode,
    rate: Decimal,
) -> UsdRange {
    // A bound outside 64 bits is beyond every price.
    let bound = |amount: Decimal, rounding| {
        Money::from_decimal(amount, currency, rounding).map_or(
            if amount.is_sign_negative() {
                i64::MIN
            } else {
                i64::MAX
            },
            |money| money.minor,
        )
    };
    UsdRange {
        min: min.map(|min| cheapest(bound(min, Rounding::Up), currency, rate)),
        max: max.map(|max| {
            let next = bound(max, Rounding::Down).saturating_add(1);
            cheapest(next, currency, rate).saturating_sub(1)
        }),
    }
}

/// The smallest number of US cents displayed as at least this many minor units.
fn cheapest(minor: i64, currency: CurrencyCode, rate: Decimal) -> i64 {
    if minor <= 0 {
        return 0;
    }
    let target = Decimal::new(minor, currency.decimal_places());
    // Division is inexact, so the candidate is corrected by what would be displayed.
    let candidate = target
        .checked_div(rate)
        .and_then(|usd| usd.checked_mul(Decimal::ONE_HUNDRED))
        .and_then(|cents| cents.ceil().to_i64());
    let Some(mut cents) = candidate else {
        return i64::MAX;
    };
    let shown = |cents: i64| {
        Decimal::new(cents, 2)
            .checked_mul(rate)
            .and_then(|amount| Money::from_decimal(amount, currency, Rounding::Down))
            .map_or(i64::MAX, |money| money.minor)
    };
    while cents > 0 && shown(cents - 1) >= minor {
        cents -= 1;
    }
    while shown(cents) < minor {
        cents += 1;
    }
    cents
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_dollar_range_is_itself() {
        let range = usd_range(
            Some("10".parse().unwrap()),
            Some("19.995".parse().unwrap()),
            CurrencyCode::Usd,
            Decimal::ONE,
        );
        assert_eq!((range.min, range.max), (Some(1_000), Some(1_999)));
        assert_eq!(
            usd_range(None, None, CurrencyCode::Usd, Decimal::ONE),
            UsdRange::default()
        );
    }

    #[test]
    fn bounds_beyond_every_price_match_all_or_nothing() {
        let usd = |min, max| usd_range(min, max, CurrencyCode::Usd, Decimal::ONE);
        assert!(usd(Some(Decimal::MIN), Some(Decimal::MAX)).contains(5));
        assert!(!usd(Some(Decimal::MAX), None).contains(i64::MAX - 1));
        assert!(!usd(None, Some(Decimal::MIN)).contains(0));
    }

    proptest! {
        #[test]
        fn a_product_is_inside_exactly_when_its_shown_price_is(
            usd in 0_i64..2_000_000,
            rate in 1_i64..400_000_000,
            near in -500_i64..500,
            width in 0_i64..1_000,
        ) {
            let rate = Decimal::new(rate, 6);
            for currency in CurrencyCode::ALL {
                let shown = Money::from_decimal(Decimal::new(usd, 2) * rate, currency, Rounding::Down)
                    .unwrap()
                    .decimal();
                // Bounds around the displayed price, with one more decimal than the currency has.
                let min = shown + Decimal::new(near, currency.decimal_places() + 1);
                let max = min + Decimal::new(width, currency.decimal_places() + 1);
                let range = usd_range(Some(min), Some(max), currency, rate);
                prop_assert_eq!(range.contains(usd), min <= shown && shown <= max);
            }
        }
    }
}
