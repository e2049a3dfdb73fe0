//! How much of an order store credit pays.

use super::checkout::LEAST_USD;
use super::totals::Totals;

/// The part of the total that this balance pays, in minor units. The rest is either nothing or enough for the payment
/// provider to charge.
pub(crate) fn spendable(totals: &Totals, balance: i64) -> i64 {
    let credit = balance.clamp(0, totals.total);
    let rest = totals.total - credit;
    let least = least(totals);
    if rest == 0 || rest >= least {
        credit
    } else {
        (totals.total - least).max(0)
    }
}

/// The provider's minimum in the order's currency, rounded up.
fn least(totals: &Totals) -> i64 {
    if totals.total_usd <= 0 {
        return 0;
    }
    let least = i128::from(LEAST_USD) * i128::from(totals.total);
    let usd = i128::from(totals.total_usd);
    i64::try_from((least + usd - 1) / usd).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn totals(total: i64, total_usd: i64) -> Totals {
        Totals {
            total,
            total_usd,
            ..Totals::zero(0)
        }
    }

    #[test]
    fn credit_pays_all_or_leaves_enough_to_charge() {
        for (total, usd, balance, expected) in [
            (5_000, 5_000, 0, 0),
            (5_000, 5_000, -1, 0),
            (5_000, 5_000, 2_000, 2_000),
            (5_000, 5_000, 4_950, 4_950),
            // 49 cents cannot be charged.
            (5_000, 5_000, 4_951, 4_950),
            (5_000, 5_000, 4_999, 4_950),
            (5_000, 5_000, 5_000, 5_000),
            (5_000, 5_000, 9_000, 5_000),
            // 75 yen are 50 cents.
            (3_000, 2_000, 2_999, 2_925),
            (50, 50, 49, 0),
        ] {
            assert_eq!(
                spendable(&totals(total, usd), balance),
                expected,
                "{balance}"
            );
        }
    }

    proptest! {
        #[test]
        fn credit_never_exceeds_balance_or_total_and_the_rest_can_be_charged(
            total in 1_i64..1_000_000, usd in 50_i64..1_000_000, balance in 0_i64..2_000_000,
        ) {
            let credit = spendable(&totals(total, usd), balance);
            prop_assert!(credit >= 0 && credit <= balance && credit <= total);
            let rest = i128::from(total - credit);
            prop_assert!(rest == 0 || rest * i128::from(usd) >= 50 * i128::from(total) || credit == 0);
        }
    }
}
