//! Computes an order's totals: lines, tax and shipping, in the customer's currency and in US dollars. Every amount is
//! rounded down once, in the customer's favour.

use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;

use super::line;

/// A price in the order's currency and in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    pub local: Money,
    /// In cents.
    pub usd: i64,
}

/// Units of a product with their price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PricedLine {
    pub quantity: i32,
    pub unit: Price,
}

/// An order's totals, in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Per line.
    pub taxes: Vec<i64>,
    pub subtotal: i64,
    pub shipping: i64,
    pub tax: i64,
    pub total: i64,
    /// In US cents.
    pub total_usd: i64,
}

impl Totals {
    /// Of an order that cannot be placed.
    pub(crate) fn zero(lines: usize) -> Self {
        Self {
            taxes: vec![0; lines],
            subtotal: 0,
            shipping: 0,
            tax: 0,
            total: 0,
            total_usd: 0,
        }
    }
}

/// The subtotal in US cents, which determines shipping.
pub(crate) fn subtotal_usd(lines: &[PricedLine]) -> Option<i64> {
    lines.iter().try_fold(0_i64, |sum, line| {
        sum.checked_add(line.unit.usd.checked_mul(line.quantity.into())?)
    })
}

/// Computes the totals. Lines are taxed, shipping is not; `shipping` is `None` if free. Returns `None` if a total
/// exceeds 64 bits of minor units.
pub(crate) fn add_up(
    lines: &[PricedLine],
    shipping: Option<Price>,
    tax_percent: Decimal,
) -> Option<Totals> {
    let mut taxes = Vec::with_capacity(lines.len());
    let (mut subtotal, mut tax, mut tax_usd) = (0_i64, 0_i64, 0_i64);
    for line in lines {
        let price = line::total(line.unit.local, line.quantity)?;
        let usd = Money::new(line.unit.usd, CurrencyCode::Usd);
        let on_line = tax_on(price, tax_percent)?;
        taxes.push(on_line);
        subtotal = subtotal.checked_add(price.minor)?;
        tax = tax.checked_add(on_line)?;
        tax_usd = tax_usd.checked_add(tax_on(line::total(usd, line.quantity)?, tax_percent)?)?;
    }
    let (shipping, shipping_usd) = shipping.map_or((0, 0), |price| (price.local.minor, price.usd));
    Some(Totals {
        taxes,
        subtotal,
        shipping,
        tax,
        total: subtotal.checked_add(shipping)?.checked_add(tax)?,
        total_usd: subtotal_usd(lines)?
            .checked_add(shipping_usd)?
            .checked_add(tax_usd)?,
    })
}

fn tax_on(price: Money, percent: Decimal) -> Option<i64> {
    let exact = price.decimal().checked_mul(percent)? / Decimal::ONE_HUNDRED;
    Some(Money::from_decimal(exact, price.currency, Rounding::Down)?.minor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(local: i64, currency: CurrencyCode, usd: i64) -> Price {
        Price {
            local: Money::new(local, currency),
            usd,
        }
    }

    fn line(quantity: i32, unit: Price) -> PricedLine {
        PricedLine { quantity, unit }
    }

    #[test]
    fn an_order_adds_up_in_its_currency_and_in_dollars() {
        use CurrencyCode::{Eur, Jpy, Usd};
        let percent = |text: &str| text.parse().unwrap();
        let cases = [
            // Two lines in euros, 19 %: 5.2459 and 9.5, each rounded down.
            (
                vec![
                    line(1, price(2_761, Eur, 3_000)),
                    line(2, price(2_500, Eur, 2_717)),
                ],
                Some(price(551, Eur, 599)),
                percent("19"),
                Totals {
                    taxes: vec![524, 950],
                    subtotal: 7_761,
                    shipping: 551,
                    tax: 1_474,
                    total: 9_786,
                    total_usd: 3_000 + 5_434 + 599 + 570 + 1_032,
                },
            ),
            // Whole yen.
            (
                vec![line(3, price(1_499, Jpy, 1_000))],
                None,
                percent("10"),
                Totals {
                    taxes: vec![449],
                    subtotal: 4_497,
                    shipping: 0,
                    tax: 449,
                    total: 4_946,
                    total_usd: 3_300,
                },
            ),
            (
                vec![line(1, price(999, Usd, 999))],
                Some(price(599, Usd, 599)),
                percent("6.875"),
                Totals {
                    taxes: vec![68],
                    subtotal: 999,
                    shipping: 599,
                    tax: 68,
                    total: 1_666,
                    total_usd: 1_666,
                },
            ),
        ];
        for (lines, shipping, percent, expected) in cases {
            assert_eq!(add_up(&lines, shipping, percent), Some(expected));
        }
    }

    #[test]
    fn an_absurd_order_has_no_total_rather_than_a_wrong_one() {
        let unit = price(i64::MAX / 2, CurrencyCode::Usd, i64::MAX / 2);
        assert_eq!(add_up(&[line(3, unit)], None, Decimal::ZERO), None);
        let lines = [line(1, unit), line(1, unit), line(1, unit)];
        assert_eq!(add_up(&lines, None, Decimal::ZERO), None);
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole_and_tax_is_less_than_a_unit_a_line_below_its_exact_value(
            units in proptest::collection::vec((1_i64..1_000_000, 1_i32..100), 1..20),
            shipping in 0_i64..10_000,
            basis_points in 0_i64..3_000,
        ) {
            let percent = Decimal::new(basis_points, 2);
            for currency in CurrencyCode::ALL {
                let lines: Vec<_> = units
                    .iter()
                    .map(|&(unit, quantity)| line(quantity, price(unit, currency, unit)))
                    .collect();
                let shipping = price(shipping, currency, shipping);
                let totals = add_up(&lines, Some(shipping), percent).unwrap();
                prop_assert_eq!(totals.taxes.iter().sum::<i64>(), totals.tax);
                prop_assert_eq!(totals.subtotal + totals.shipping + totals.tax, totals.total);
                let exact = Decimal::from(totals.subtotal) * percent / Decimal::ONE_HUNDRED;
                let tax = Decimal::from(totals.tax);
                prop_assert!(tax <= exact && exact - tax < Decimal::from(lines.len()));
                if currency == CurrencyCode::Usd {
                    prop_assert_eq!(totals.total, totals.total_usd);
                }
            }
        }
    }
}
