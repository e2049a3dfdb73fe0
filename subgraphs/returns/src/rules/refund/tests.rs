//! Cases and properties of refunds.

mod sequences;

use proptest::prelude::*;

use super::*;

/// 100.00 of goods, 8.25 of tax, 10.00 of shipping.
const PAID: Paid = Paid {
    subtotal: 10_000,
    shipping: 1_000,
    tax: 825,
    total: 11_825,
};

const STANDARD: Line = Line {
    total: 10_000,
    purchased: 1,
    quantity: 1,
    refunded: 0,
    seller_fault: false,
};

const DEFECTIVE: Line = Line {
    seller_fault: true,
    ..STANDARD
};

/// items, tax, shipping, total, includes_shipping
type Expected = (i64, i64, i64, i64, bool);

fn check(paid: &Paid, lines: &[Line], refunded: &Refunded, expected: Expected, why: &str) {
    let quote = quote(paid, lines, refunded);
    let told = (
        quote.items,
        quote.tax,
        quote.shipping,
        quote.total,
        quote.includes_shipping,
    );
    assert_eq!(told, expected, "{why}");
}

#[test]
fn the_parts_of_a_refund_by_case() {
    let nothing = Refunded::default();
    let part = |total| Line { total, ..STANDARD };
    let bad_part = |total| Line { total, ..DEFECTIVE };
    let shipped = Refunded {
        shipping: true,
        ..nothing
    };
    let cases: [(&[Line], Refunded, Expected, &str); 8] = [
        (
            &[STANDARD],
            nothing,
            (10_000, 825, -1_000, 9_825, false),
            "standard, whole order",
        ),
        (
            &[DEFECTIVE],
            nothing,
            (10_000, 825, 1_000, 11_825, true),
            "our mistake, whole order",
        ),
        (
            &[part(2_500)],
            nothing,
            (2_500, 207, -250, 2_457, false),
            "a quarter, tax rounded up",
        ),
        (
            &[part(3_333)],
            nothing,
            (3_333, 275, -333, 3_275, false),
            "a third, deduction rounded down",
        ),
        (
            &[bad_part(2_500)],
            nothing,
            (2_500, 207, 1_000, 3_707, true),
            "a defective quarter, the whole shipping",
        ),
        (
            &[bad_part(2_500)],
            shipped,
            (2_500, 207, 0, 2_707, false),
            "the shipping once per order",
        ),
        (
            &[part(7_500), bad_part(2_500)],
            nothing,
            (10_000, 825, 250, 11_075, true),
            "each line counts for itself",
        ),
        (&[], nothing, (0, 0, 0, 0, false), "nothing comes back"),
    ];
    for (lines, refunded, expected, why) in cases {
        check(&PAID, lines, &refunded, expected, why);
    }
}

#[test]
fn units_of_a_line_are_rounded_up_until_the_line_is_used_up() {
    let third = |refunded| Line {
        total: 100,
        purchased: 3,
        quantity: 1,
        refunded,
        seller_fault: false,
    };
    let paid = Paid {
        subtotal: 100,
        shipping: 0,
        tax: 0,
        total: 100,
    };
    for (prior, amount) in [(0, 34), (34, 34), (68, 32)] {
        let refunded = Refunded {
            total: prior,
            ..Refunded::default()
        };
        assert_eq!(quote(&paid, &[third(prior)], &refunded).items, amount);
    }
}

#[test]
fn a_refund_is_never_below_zero() {
    let dear_shipping = Paid {
        subtotal: 500,
        shipping: 2_000,
        tax: 40,
        total: 2_540,
    };
    let line = Line {
        total: 500,
        ..STANDARD
    };
    let nothing = Refunded::default();
    check(
        &dear_shipping,
        &[line],
        &nothing,
        (500, 40, -540, 0, false),
        "shipping above the goods",
    );
}

#[test]
fn what_was_captured_is_the_limit_of_an_order_with_a_discount() {
    let discounted = Paid {
        total: 5_000,
        ..PAID
    };
    let nothing = Refunded::default();
    check(
        &discounted,
        &[DEFECTIVE],
        &nothing,
        (3_175, 825, 1_000, 5_000, true),
        "off the items",
    );
    let spent = Refunded {
        total: 4_500,
        ..nothing
    };
    check(
        &discounted,
        &[DEFECTIVE],
        &spent,
        (0, 0, 500, 500, true),
        "off tax and shipping too",
    );
}

#[test]
fn amounts_at_the_limit_of_64_bits_do_not_overflow() {
    let paid = Paid {
        subtotal: i64::MAX,
        shipping: i64::MAX,
        tax: i64::MAX,
        total: i64::MAX,
    };
    let line = Line {
        total: i64::MAX,
        purchased: i64::MAX,
        quantity: i64::MAX,
        ..DEFECTIVE
    };
    assert_eq!(
        quote(&paid, &[line, line], &Refunded::default()).total,
        i64::MAX
    );
}

/// An order: its lines as (unit price, units), tax and shipping.
fn orders() -> impl Strategy<Value = (Paid, Vec<(i64, i64)>)> {
    let lines = proptest::collection::vec((1_i64..500_000, 1_i64..6), 1..6);
    (lines, 0_i64..100_000, 0_i64..20_000, 0_i64..20_000).prop_map(
        |(lines, tax, shipping, discount)| {
            let subtotal: i64 = lines.iter().map(|(price, units)| price * units).sum();
            let total = (subtotal + tax + shipping - discount).max(0);
            let paid = Paid {
                subtotal,
                shipping,
                tax,
                total,
            };
            (paid, lines)
        },
    )
}

/// Consecutive returns: line, units, seller's fault, cancelled afterwards.
fn sequences() -> impl Strategy<Value = Vec<Vec<(usize, i64, bool, bool)>>> {
    let item = (0_usize..6, 1_i64..6, any::<bool>(), any::<bool>());
    proptest::collection::vec(proptest::collection::vec(item, 1..4), 1..12)
}

proptest! {
    #[test]
    fn no_sequence_of_returns_refunds_more_than_was_captured(
        (paid, lines) in orders(), sequence in sequences(),
    ) {
        let mut so_far = Refunded::default();
        let mut units = vec![0; lines.len()];
        let mut amounts = vec![0; lines.len()];
        let mut shippings = 0;
        for wanted in sequence {
            let cancelled = wanted[0].3;
            let mut taken = Vec::new();
            for (line, quantity, seller_fault, _) in wanted {
                let line = line % lines.len();
                let (price, purchased) = lines[line];
                let quantity = quantity.min(purchased - units[line]);
                if quantity > 0 && taken.iter().all(|(other, _)| *other != line) {
                    taken.push((line, Line {
                        total: price * purchased,
                        purchased,
                        quantity,
                        refunded: amounts[line],
                        seller_fault,
                    }));
                }
            }
            let returned: Vec<_> = taken.iter().map(|(_, line)| *line).collect();
            let quote = quote(&paid, &returned, &so_far);
            prop_assert!(quote.total >= 0);
            prop_assert!(quote.items >= 0 && quote.tax >= 0);
            prop_assert_eq!(quote.items + quote.tax + quote.shipping, quote.total);
            prop_assert_eq!(quote.lines.iter().sum::<i64>(), quote.items);
            if cancelled {
                continue;
            }
            for ((line, of), amount) in taken.iter().zip(&quote.lines) {
                units[*line] += of.quantity;
                amounts[*line] += amount;
                prop_assert!(amounts[*line] <= of.total);
            }
            shippings += i64::from(quote.includes_shipping);
            so_far.tax += quote.tax;
            so_far.total += quote.total;
            so_far.shipping |= quote.includes_shipping;
            prop_assert!(so_far.total <= paid.total);
            prop_assert!(so_far.tax <= paid.tax);
            prop_assert!(shippings <= 1);
        }
    }

    #[test]
    fn rounding_is_for_the_customer_and_by_less_than_a_minor_unit_a_part(
        (paid, lines) in orders(), units in 1_i64..6, seller_fault in any::<bool>(),
    ) {
        let paid = Paid { total: paid.subtotal + paid.tax + paid.shipping, ..paid };
        let (price, purchased) = lines[0];
        let units = units.min(purchased);
        let line = Line { total: price * purchased, purchased, quantity: units, refunded: 0, seller_fault };
        let quote = quote(&paid, &[line], &Refunded::default());
        // Everything is multiplied by the subtotal, to use whole numbers.
        let whole = i128::from(paid.subtotal);
        let share = i128::from(price * units);
        let (tax, shipping) = (i128::from(paid.tax), i128::from(paid.shipping));
        let exact = if seller_fault {
            whole * (share + shipping) + tax * share
        } else {
            (whole * share + (tax - shipping) * share).max(0)
        };
        let given = i128::from(quote.total) * whole;
        prop_assert!(given >= exact);
        prop_assert!(given - exact < 2 * whole);
    }

    #[test]
    fn unit_by_unit_gives_at_least_what_all_at_once_gives(
        (paid, lines) in orders(),
    ) {
        let paid = Paid { total: paid.subtotal + paid.tax + paid.shipping, ..paid };
        let all: Vec<_> = lines.iter().map(|&(price, purchased)| Line {
            total: price * purchased, purchased, quantity: purchased, refunded: 0, seller_fault: false,
        }).collect();
        let at_once = quote(&paid, &all, &Refunded::default());
        let mut so_far = Refunded::default();
        for &(price, purchased) in &lines {
            for unit in 0..purchased {
                let line = Line {
                    total: price * purchased, purchased, quantity: 1, refunded: price * unit, seller_fault: false,
                };
                let quote = quote(&paid, &[line], &so_far);
                so_far.tax += quote.tax;
                so_far.total += quote.total;
            }
        }
        prop_assert_eq!(so_far.tax, paid.tax);
        prop_assert!(so_far.total >= at_once.total);
        prop_assert!(so_far.total <= paid.total);
    }
}

proptest! {
    #[test]
    fn refunds_of_an_order_never_give_the_payment_method_more_than_it_paid(
        total in 1_i64..1_000_000,
        credit_percent in 0_i64..=100,
        parts in proptest::collection::vec(0_i64..100_000, 1..12),
    ) {
        let credit = total * credit_percent / 100;
        let (mut left, mut to_payment, mut to_credit) = (total, 0, 0);
        for part in parts {
            let refund = part.min(left);
            left -= refund;
            let share = credit_share(refund, credit, total);
            prop_assert!((0..=refund).contains(&share));
            to_credit += share;
            to_payment += refund - share;
        }
        prop_assert_eq!(to_credit + to_payment, total - left);
        prop_assert!(to_payment <= total - credit);
    }
}
