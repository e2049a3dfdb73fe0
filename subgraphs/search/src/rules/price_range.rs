//! Converts a price range in the customer's currency to US cents, so that a product is inside exactly if its displayed
//! price is.

use std::fmt;

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

/// Lower bounds of the price facet's buckets at a rate near 1, in units of the currency.
const BUCKETS: [i64; 7] = [0, 25, 50, 100, 250, 500, 1_000];

/// A range of displayed prices, in which a product is exactly if its price is at least `from_usd_minor` and below the next
/// bucket's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PriceBucket {
    /// In minor units of the currency.
    min: i64,
    /// Inclusive; `None` for the last bucket.
    max: Option<i64>,
    decimal_places: u32,
    /// In US cents.
    pub from_usd_minor: i64,
}

/// The buckets of the price facet, with bounds that are round in the currency.
pub(crate) fn price_buckets(currency: CurrencyCode, rate: Decimal) -> Vec<PriceBucket> {
    let mut unit = 10_i64.pow(currency.decimal_places());
    let mut high = rate;
    // √10, the middle between 1 and 10.
    while high > Decimal::new(3_162, 3) && unit < 10_i64.pow(9) {
        high /= Decimal::TEN;
        unit *= 10;
    }
    let bounds = BUCKETS.map(|bound| bound * unit);
    let ends = bounds.iter().skip(1).map(|next| Some(next - 1));
    let bucket = |(&min, max)| PriceBucket {
        min,
        max,
        decimal_places: currency.decimal_places(),
        from_usd_minor: cheapest(min, currency, rate),
    };
    bounds.iter().zip(ends.chain([None])).map(bucket).collect()
}

impl fmt::Display for PriceBucket {
    /// `25.00-49.99`, `1000.00-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |minor| Decimal::new(minor, self.decimal_places);
        write!(f, "{}-", amount(self.min))?;
        self.max.map_or(Ok(()), |max| write!(f, "{}", amount(max)))
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

    #[test]
    fn buckets_are_round_in_the_currency() {
        let shown = |currency, rate: &str| -> Vec<_> {
            let buckets = price_buckets(currency, rate.parse().unwrap());
            buckets.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            shown(CurrencyCode::Usd, "1"),
            [
                "0.00-24.99",
                "25.00-49.99",
                "50.00-99.99",
                "100.00-249.99",
                "250.00-499.99",
                "500.00-999.99",
                "1000.00-"
            ]
        );
        assert_eq!(
            shown(CurrencyCode::Eur, "0.92"),
            shown(CurrencyCode::Usd, "1")
        );
        assert_eq!(
            shown(CurrencyCode::Jpy, "151.2")[1..3],
            ["2500-4999", "5000-9999"]
        );
    }

    #[test]
    fn a_price_is_in_the_bucket_in_which_it_is_shown() {
        let rate = Decimal::new(9_217, 4);
        let buckets = price_buckets(CurrencyCode::Eur, rate);
        for usd in 0..120_000 {
            let shown = Money::from_decimal(
                Decimal::new(usd, 2) * rate,
                CurrencyCode::Eur,
                Rounding::Down,
            )
            .unwrap()
            .minor;
            let found = buckets.partition_point(|bucket| bucket.from_usd_minor <= usd);
            let PriceBucket { min, max, .. } = buckets[found - 1];
            assert!(min <= shown && max.is_none_or(|max| shown <= max), "{usd}");
        }
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
