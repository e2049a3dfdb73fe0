//! How much of an order's payment is captured for what was sent.

/// A line of an order, in minor units of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentLine {
    pub ordered: i64,
    pub sent: i64,
    pub unit_price: i64,
    /// On all ordered units.
    pub tax: i64,
}

/// The amount to capture in total once these units were sent: their prices with their share of the tax, rounded down,
/// and the shipping with the first parcel. With the last unit it is the whole amount, so that the parts add up to it.
pub(crate) fn amount_of_sent(total: i64, shipping: i64, lines: &[SentLine]) -> i64 {
    if lines.iter().all(|line| line.sent >= line.ordered) {
        return total;
    }
    if lines.iter().all(|line| line.sent <= 0) {
        return 0;
    }
    let of_line = |line: &SentLine| {
        let tax = line.tax.saturating_mul(line.sent) / line.ordered.max(1);
        line.unit_price
            .saturating_mul(line.sent)
            .saturating_add(tax)
    };
    let amount = lines
        .iter()
        .map(of_line)
        .fold(shipping, i64::saturating_add);
    amount.min(total)
}

/// What is captured next of an authorized payment, and whether it is the last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub amount: i64,
    /// `None` if the payment can only be captured once.
    pub is_last: Option<bool>,
}

/// The next part of a payment of which this much was captured, if something is left. A payment that can only be
/// captured once is captured completely with the first parcel: its rest would be released, and could not be charged
/// when the rest is sent.
pub(crate) fn next_part(total: i64, captured: i64, target: i64, has_parts: bool) -> Option<Part> {
    let target = if has_parts { target.min(total) } else { total };
    let amount = target - captured;
    (amount > 0).then(|| Part {
        amount,
        is_last: has_parts.then_some(target >= total),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(ordered: i64, sent: i64, unit_price: i64, tax: i64) -> SentLine {
        SentLine {
            ordered,
            sent,
            unit_price,
            tax,
        }
    }

    #[test]
    fn what_was_sent_is_captured_with_its_tax_and_the_shipping_first() {
        // 2 × 10.00 and 1 × 5.00, tax 2.01 and 0.50, shipping 3.00.
        let total = 3_051;
        for (first, second, expected) in [
            (0, 0, 0),
            (1, 0, 300 + 1_000 + 100),
            (2, 0, 300 + 2_000 + 201),
            (0, 1, 300 + 500 + 50),
            (2, 1, total),
        ] {
            let lines = [line(2, first, 1_000, 201), line(1, second, 500, 50)];
            assert_eq!(
                amount_of_sent(total, 300, &lines),
                expected,
                "{first} {second}"
            );
        }
    }

    #[test]
    fn a_payment_without_parts_is_captured_whole() {
        let part = |amount, is_last| Some(Part { amount, is_last });
        assert_eq!(next_part(100, 0, 40, false), part(100, None));
        assert_eq!(next_part(100, 100, 40, false), None);
        assert_eq!(next_part(100, 0, 40, true), part(40, Some(false)));
        assert_eq!(next_part(100, 40, 100, true), part(60, Some(true)));
        assert_eq!(next_part(100, 40, 40, true), None);
        assert_eq!(next_part(100, 0, 120, true), part(100, Some(true)));
    }

    proptest! {
        #[test]
        fn parts_never_exceed_the_total_and_add_up_to_it(
            prices in proptest::collection::vec((1..5_i64, 0..10_000_i64, 0..1_000_i64), 1..5),
            shipping in 0..1_000_i64,
        ) {
            let total = prices.iter().map(|(n, price, tax)| n * price + tax).sum::<i64>() + shipping;
            let mut captured = 0;
            let units: i64 = prices.iter().map(|(n, ..)| n).sum();
            for sent in 1..=units {
                let mut left = sent;
                let lines: Vec<_> = prices
                    .iter()
                    .map(|&(n, price, tax)| {
                        let of_line = left.min(n);
                        left -= of_line;
                        line(n, of_line, price, tax)
                    })
                    .collect();
                let target = amount_of_sent(total, shipping, &lines);
                if let Some(part) = next_part(total, captured, target, true) {
                    captured += part.amount;
                }
                prop_assert!(captured <= total);
            }
            prop_assert_eq!(captured, total);
        }
    }
}
