//! What movements do to the stock of products: all of them are possible, or none happens.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use uuid::Uuid;

/// Most units of a product that can be in stock.
pub(crate) const MAX_UNITS: i32 = 1_000_000_000;

/// Units of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// That can be sold.
    pub available: i32,
    /// That cannot.
    pub damaged: i32,
}

/// A product of which there is less than wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub product: Uuid,
    pub wanted: i32,
    pub available: i32,
}

/// Why movements are impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Impossible {
    /// In the order of the movements.
    Short(Vec<Shortage>),
    /// More than [`MAX_UNITS`] of this product.
    TooMany(Uuid),
}

/// The stock of each product after these movements.
pub(crate) fn after(
    before: &HashMap<Uuid, Units>,
    movements: &[(Uuid, Units)],
) -> Result<BTreeMap<Uuid, Units>, Impossible> {
    let mut sums: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
    for (product, moved) in movements {
        let units = before.get(product).copied().unwrap_or_default();
        let sum = sums
            .entry(*product)
            .or_insert((units.available.into(), units.damaged.into()));
        sum.0 += i64::from(moved.available);
        sum.1 += i64::from(moved.damaged);
    }
    let mut shortages: Vec<Shortage> = Vec::new();
    for (product, _) in movements {
        let is_told = shortages
            .iter()
            .any(|shortage| shortage.product == *product);
        if sums[product].0 >= 0 || is_told {
            continue;
        }
        let available = before.get(product).map_or(0, |units| units.available);
        let wanted = i64::from(available) - sums[product].0;
        shortages.push(Shortage {
            product: *product,
            wanted: i32::try_from(wanted).unwrap_or(i32::MAX),
            available,
        });
    }
    if !shortages.is_empty() {
        return Err(Impossible::Short(shortages));
    }
    let within = |sum: i64| {
        i32::try_from(sum)
            .ok()
            .filter(|sum| (0..=MAX_UNITS).contains(sum))
    };
    sums.into_iter()
        .map(|(product, (available, damaged))| {
            let units = within(available).zip(within(damaged));
            let (available, damaged) = units.ok_or(Impossible::TooMany(product))?;
            Ok((product, Units { available, damaged }))
        })
        .collect()
}

/// The condition in which units come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnedCondition {
    Unopened,
    OpenedUnused,
    /// Used, defective or damaged, or a condition of a newer version.
    #[serde(other)]
    NotSellable,
}

/// What returned units add to the stock: only unused ones can be sold again.
pub const fn returned(condition: ReturnedCondition, quantity: i32) -> Units {
    match condition {
        ReturnedCondition::Unopened | ReturnedCondition::OpenedUnused => Units {
            available: quantity,
            damaged: 0,
        },
        ReturnedCondition::NotSellable => Units {
            available: 0,
            damaged: quantity,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::value::StrDeserializer;

    fn product(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn units(available: i32, damaged: i32) -> Units {
        Units { available, damaged }
    }

    #[test]
    fn all_lines_are_taken_or_none_and_every_shortage_is_told_with_what_is_left() {
        let before = HashMap::from([(product(1), units(3, 0)), (product(2), units(1, 0))]);
        let take = |lines: &[(u128, i32)]| {
            let lines = lines.iter();
            let lines: Vec<_> = lines
                .map(|&(of, count)| (product(of), units(-count, 0)))
                .collect();
            after(&before, &lines)
        };
        let left = take(&[(2, 1), (1, 2)]).unwrap();
        let left: Vec<_> = left.into_values().map(|units| units.available).collect();
        assert_eq!(left, [1, 0]);
        let short = |of, wanted, available| Shortage {
            product: product(of),
            wanted,
            available,
        };
        assert_eq!(
            take(&[(3, 1), (1, 3), (2, 5)]),
            Err(Impossible::Short(vec![short(3, 1, 0), short(2, 5, 1)]))
        );
        // A product that is named twice is wanted as a whole.
        assert_eq!(
            take(&[(1, 2), (1, 2)]),
            Err(Impossible::Short(vec![short(1, 4, 3)]))
        );
    }

    #[test]
    fn stock_has_an_upper_bound() {
        let before = HashMap::from([(product(1), units(MAX_UNITS, 0))]);
        let more = [(product(1), units(1, 0))];
        assert_eq!(after(&before, &more), Err(Impossible::TooMany(product(1))));
        let less_damaged = [(product(1), units(0, -1))];
        assert_eq!(
            after(&before, &less_damaged),
            Err(Impossible::TooMany(product(1)))
        );
    }

    #[test]
    fn only_unused_units_are_sold_again() {
        for (text, expected) in [
            ("unopened", units(2, 0)),
            ("opened_unused", units(2, 0)),
            ("opened_used", units(0, 2)),
            ("defective", units(0, 2)),
            ("damaged", units(0, 2)),
            ("of_a_newer_version", units(0, 2)),
        ] {
            let text_value = StrDeserializer::<serde::de::value::Error>::new(text);
            let condition = ReturnedCondition::deserialize(text_value).unwrap();
            assert_eq!(returned(condition, 2), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn stock_is_the_sum_of_its_movements_and_never_negative(
            start in proptest::collection::vec(0_i32..20, 4),
            movements in proptest::collection::vec((0_usize..4, -8_i32..8), 0..40),
        ) {
            let mut stock: HashMap<Uuid, Units> = start
                .iter()
                .zip(0..)
                .map(|(&available, of)| (product(of), units(available, 0)))
                .collect();
            let mut sums = start.clone();
            for (of, change) in movements {
                let id = product(of as u128);
                match after(&stock, &[(id, units(change, 0))]) {
                    Ok(levels) => {
                        sums[of] += change;
                        stock.extend(levels);
                    }
                    Err(Impossible::Short(shortages)) => {
                        prop_assert!(sums[of] + change < 0);
                        prop_assert_eq!(shortages[0].available, sums[of]);
                        prop_assert_eq!(shortages[0].wanted, -change);
                    }
                    Err(other) => prop_assert!(false, "{:?}", other),
                }
                prop_assert_eq!(stock[&id].available, sums[of]);
                prop_assert!(sums[of] >= 0);
            }
        }
    }
}
