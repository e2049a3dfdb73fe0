//! The size and weight of a return's parcel, from those of its products. The label's rate depends on them, and the carrier
//! corrects errors.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Box and filling, in ounces.
const PACKAGING: i64 = 8;
/// One unit of unknown weight, in ounces.
const UNIT: i64 = 32;
/// The most carriers accept for ground transport: 70 pounds.
const HEAVIEST: i64 = 70 * 16;

/// Of one packed unit, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    pub grams: Option<i32>,
    /// Length, width and height.
    pub millimetres: Option<[i32; 3]>,
}

/// Units of a product in the parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    pub units: i64,
    pub of: Measures,
}

impl Content {
    /// The weight of all units, in ounces, without packaging.
    pub(crate) fn ounces(&self) -> Decimal {
        let unit = match self.of.grams {
            Some(grams) if grams > 0 => Decimal::from(grams) / grams_per_ounce(),
            _ => UNIT.into(),
        };
        (unit * Decimal::from(self.units.max(1))).round_dp(1)
    }
}

/// 28.349523125, exactly.
fn grams_per_ounce() -> Decimal {
    Decimal::new(28_349_523_125, 9)
}

/// 25.4 millimetres, exactly.
fn millimetres_per_inch() -> Decimal {
    Decimal::new(254, 1)
}

/// The weight of the parcel, in ounces.
pub(crate) fn ounces(contents: &[Content]) -> Decimal {
    let contents: Decimal = contents.iter().map(Content::ounces).sum();
    (contents + Decimal::from(PACKAGING)).min(HEAVIEST.into())
}

/// The weight of the parcel in begun pounds, by which carriers charge.
pub fn pounds(contents: &[Content]) -> i32 {
    let pounds = (ounces(contents) / Decimal::from(16)).ceil();
    pounds.to_i32().unwrap_or(i32::MAX)
}

/// The smallest box, in inches: as long and wide as the largest product, and as high as all of them need. `None` unless
/// the size of every product is known.
pub(crate) fn inches(contents: &[Content]) -> Option<[Decimal; 3]> {
    let mut largest = [0_i64; 3];
    let mut volume = 0_i64;
    for content in contents {
        let mut sides = content.of.millimetres?.map(i64::from);
        sides.sort_unstable_by(|a, b| b.cmp(a));
        for (side, own) in largest.iter_mut().zip(sides) {
            *side = own.max(*side);
        }
        let unit = sides
            .iter()
            .fold(1_i64, |volume, side| volume.saturating_mul(*side));
        volume = volume.saturating_add(unit.saturating_mul(content.units.max(1)));
    }
    let [length, width, height] = largest;
    let base = length.checked_mul(width).filter(|base| *base > 0)?;
    let stacked = volume.saturating_add(base - 1) / base;
    let inches = |side: i64| {
        (Decimal::from(side) / millimetres_per_inch())
            .round_dp(2)
            .normalize()
    };
    Some([inches(length), inches(width), inches(height.max(stacked))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(units: i64, grams: i32, millimetres: [i32; 3]) -> Content {
        Content {
            units,
            of: Measures {
                grams: Some(grams),
                millimetres: Some(millimetres),
            },
        }
    }

    fn unknown(units: i64) -> Content {
        Content {
            units,
            of: Measures::default(),
        }
    }

    #[test]
    fn a_parcel_weighs_what_its_products_weigh_up_to_what_a_carrier_takes() {
        for (contents, expected) in [
            (vec![], "8"),
            (vec![unknown(1)], "40"),
            (vec![unknown(2)], "72"),
            (vec![unknown(i64::from(u32::MAX))], "1120"),
            (vec![content(1, 1_000, [1; 3])], "43.3"),
            (vec![content(2, 1_000, [1; 3]), unknown(1)], "110.5"),
            (vec![content(1, 0, [1; 3])], "40"),
        ] {
            let expected: Decimal = expected.parse().unwrap();
            assert_eq!(ounces(&contents), expected, "{contents:?}");
        }
    }

    #[test]
    fn the_box_is_that_of_the_largest_product_and_holds_all_of_them() {
        let box_of = |contents: &[Content]| {
            let inches = inches(contents)?;
            Some(inches.map(|side| side.to_string()))
        };
        let one = [content(1, 1, [254, 508, 127])];
        assert_eq!(box_of(&one).unwrap(), ["20", "10", "5"].map(str::to_owned));
        let two = [content(2, 1, [254, 508, 127])];
        assert_eq!(box_of(&two).unwrap(), ["20", "10", "10"].map(str::to_owned));
        let mixed = [content(1, 1, [254, 508, 127]), content(1, 1, [10, 300, 10])];
        assert_eq!(box_of(&mixed).unwrap()[0], "20");
        assert_eq!(box_of(&[one[0], unknown(1)]), None);
        assert_eq!(box_of(&[content(1, 1, [0, 0, 0])]), None);
        assert_eq!(box_of(&[]), None);
    }
}
