//! What is in a parcel, and what of an order is left to send.

use uuid::Uuid;

/// Units of an order's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    pub item: Uuid,
    pub quantity: i32,
}

/// Why units cannot be sent. `index` is the position in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unshippable {
    /// Everything is sent already, and has not come back.
    NothingLeft,
    /// The item belongs to another order.
    NotOfThisOrder { index: usize },
    /// The item is named twice.
    Duplicate { index: usize },
    /// Fewer than one.
    NotPositive { index: usize },
    /// More than the `left` ones that were not sent yet, or came back.
    TooMany { index: usize, left: i32 },
}

/// The units that are to be sent, without lines that are sent completely. `sent` has no units that came back.
pub(crate) fn left(ordered: &[Units], sent: &[Units]) -> Vec<Units> {
    let unsent = ordered.iter().map(|line| Units {
        item: line.item,
        quantity: line.quantity - total(sent, line.item),
    });
    unsent.filter(|line| line.quantity > 0).collect()
}

/// The lines of the next parcel: the requested ones, or all that is left.
pub(crate) fn next_parcel(
    ordered: &[Units],
    sent: &[Units],
    requested: Option<&[Units]>,
) -> Result<Vec<Units>, Vec<Unshippable>> {
    let left = left(ordered, sent);
    if left.is_empty() {
        return Err(vec![Unshippable::NothingLeft]);
    }
    let Some(requested) = requested else {
        return Ok(left);
    };
    let problems: Vec<_> = requested
        .iter()
        .enumerate()
        .filter_map(|(index, line)| problem(ordered, &left, &requested[..index], index, *line))
        .collect();
    if problems.is_empty() {
        Ok(requested.to_vec())
    } else {
        Err(problems)
    }
}

fn problem(
    ordered: &[Units],
    left: &[Units],
    before: &[Units],
    index: usize,
    line: Units,
) -> Option<Unshippable> {
    let is_line = |other: &Units| other.item == line.item;
    if !ordered.iter().any(is_line) {
        return Some(Unshippable::NotOfThisOrder { index });
    }
    if before.iter().any(is_line) {
        return Some(Unshippable::Duplicate { index });
    }
    if line.quantity < 1 {
        return Some(Unshippable::NotPositive { index });
    }
    let left = total(left, line.item);
    (line.quantity > left).then_some(Unshippable::TooMany { index, left })
}

/// Whether the units that are left need not be sent again: all of them came back, and their price was refunded. A refund
/// says no units, so one of at least their price counts, whatever else it was for.
pub(crate) fn is_refunded(left: &[Units], came_back: &[Units], price: i64, refunded: i64) -> bool {
    let is_back = |line: &Units| total(came_back, line.item) >= line.quantity;
    price > 0 && refunded >= price && left.iter().all(is_back)
}

/// The units of this item.
pub(crate) fn total(units: &[Units], item: Uuid) -> i32 {
    let of_item = units.iter().filter(|line| line.item == item);
    of_item.map(|line| line.quantity).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(lines: &[(u128, i32)]) -> Vec<Units> {
        let line = |&(item, quantity)| Units {
            item: Uuid::from_u128(item),
            quantity,
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_parcel_contains_what_is_requested_or_all_that_is_left() {
        use Unshippable::*;
        let ordered = units(&[(1, 3), (2, 1)]);
        type Case<'a> = (
            &'a [(u128, i32)],
            Option<&'a [(u128, i32)]>,
            Result<&'a [(u128, i32)], Vec<Unshippable>>,
        );
        let cases: [Case<'_>; 10] = [
            (&[], None, Ok(&[(1, 3), (2, 1)])),
            (&[(1, 2)], None, Ok(&[(1, 1), (2, 1)])),
            (&[(1, 2), (2, 1)], None, Ok(&[(1, 1)])),
            (&[(1, 2)], Some(&[(1, 1)]), Ok(&[(1, 1)])),
            (&[(1, 3), (2, 1)], None, Err(vec![NothingLeft])),
            (
                &[(1, 1), (1, 2), (2, 1)],
                Some(&[(1, 1)]),
                Err(vec![NothingLeft]),
            ),
            (
                &[(1, 2)],
                Some(&[(1, 2), (2, 1)]),
                Err(vec![TooMany { index: 0, left: 1 }]),
            ),
            (
                &[],
                Some(&[(1, 0), (2, -1)]),
                Err(vec![NotPositive { index: 0 }, NotPositive { index: 1 }]),
            ),
            (
                &[],
                Some(&[(1, 1), (3, 1)]),
                Err(vec![NotOfThisOrder { index: 1 }]),
            ),
            (
                &[],
                Some(&[(1, 2), (1, 1)]),
                Err(vec![Duplicate { index: 1 }]),
            ),
        ];
        for (sent, requested, expected) in cases {
            let requested = requested.map(units);
            let actual = next_parcel(&ordered, &units(sent), requested.as_deref());
            assert_eq!(actual, expected.map(units), "{sent:?} {requested:?}");
        }
    }

    #[test]
    fn units_need_not_be_sent_again_once_they_came_back_and_their_price_is_refunded() {
        type Lines<'a> = &'a [(u128, i32)];
        let cases: [(Lines<'_>, Lines<'_>, i64, i64, bool); 7] = [
            (&[(1, 1)], &[(1, 1)], 500, 500, true),
            (&[(1, 1)], &[(1, 2)], 500, 700, true),
            (&[(1, 1)], &[(1, 1)], 500, 499, false),
            (&[(1, 1)], &[(1, 1)], 500, 0, false),
            // Never sent: the refund was for something else.
            (&[(1, 1)], &[], 500, 500, false),
            (&[(1, 1), (2, 1)], &[(1, 1)], 500, 500, false),
            // Paid by store credit, so that no refund says anything.
            (&[(1, 1)], &[(1, 1)], 0, 0, false),
        ];
        for (left, came_back, price, refunded, expected) in cases {
            let actual = is_refunded(&units(left), &units(came_back), price, refunded);
            assert_eq!(actual, expected, "{left:?} {came_back:?} {refunded}");
        }
    }

    proptest! {
        #[test]
        fn parcels_in_any_parts_never_contain_more_than_was_ordered(
            quantities in proptest::collection::vec(1..5_i32, 1..5),
            requests in proptest::collection::vec((0..5_u128, 1..5_i32), 0..30),
        ) {
            let ordered: Vec<_> = (0_u128..)
                .zip(&quantities)
                .map(|(item, &quantity)| Units { item: Uuid::from_u128(item), quantity })
                .collect();
            let mut sent = Vec::new();
            for (item, quantity) in requests {
                let line = Units { item: Uuid::from_u128(item), quantity };
                sent.extend(next_parcel(&ordered, &sent, Some(&[line])).unwrap_or_default());
            }
            sent.extend(next_parcel(&ordered, &sent, None).unwrap_or_default());
            for line in &ordered {
                prop_assert_eq!(total(&sent, line.item), line.quantity);
            }
        }
    }
}
