//! The assumed weight of a return's parcel, since products have none. The label's rate depends on it, and the carrier
//! corrects errors.

use rust_decimal::Decimal;

/// Box and filling, in ounces.
const PACKAGING: i64 = 8;
/// One unit, in ounces.
const UNIT: i64 = 32;
/// The most carriers accept for ground transport: 70 pounds.
const HEAVIEST: i64 = 70 * 16;

/// The weight of this many units, in ounces.
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
