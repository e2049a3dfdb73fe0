//! What a return's parcel is taken to weigh, since products do not tell: the label's rate follows
//! from it, and the carrier corrects what is wrong.

use rust_decimal::Decimal;

/// The box and what fills it, in ounces.
const PACKAGING: i64 = 8;
/// A unit, in ounces.
const UNIT: i64 = 32;
/// No carrier takes more by ground without questions: 70 pounds.
const HEAVIEST: i64 = 70 * 16;

/// The weight of so many units, in ounces.
pub(crate) fn ounces(units: i64) -> Decimal {
    let ounces = units.max(1).saturating_mul(UNIT).saturating_add(PACKAGING);
    ounces.min(HEAVIEST).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_units_weigh_more_up_to_what_a_carrier_takes() {
        for (units, expected) in [
            (0, 40),
            (1, 40),
            (2, 72),
            (34, 1_096),
            (35, 1_120),
            (i64::MAX, 1_120),
        ] {
            assert_eq!(ounces(units), Decimal::from(expected), "{units}");
        }
    }
}
