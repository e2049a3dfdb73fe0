//! Refunds: their parts add up, what was issued went somewhere, and store credit was issued for exactly what it replaces.

use platform::invariants::Violation;
use uuid::Uuid;

use super::customer_return::ReturnData;
use crate::RefundMethod;

/// The parts of a refund do not add up.
pub(super) const AMOUNTS: &str = "return_amounts";
/// A refund was issued, and it is not known where it went.
pub(super) const DESTINATION: &str = "return_refund";
/// Another amount was credited than the return says.
pub(super) const CREDIT: &str = "return_store_credit";

pub(super) fn check(of: &ReturnData) -> Vec<Violation> {
    let mut found = amounts(of);
    found.extend(destination(of));
    found.extend(credit(of));
    found
}

fn amounts(of: &ReturnData) -> Vec<Violation> {
    let row = &of.row;
    let mut found = Vec::new();
    let mut compare = |what: &str, expected: i64, stored: i64| {
        if expected != stored {
            let expected = format!("{what} of {expected}");
            found.push(Violation::new(AMOUNTS, &of.id, expected, stored));
        }
    };
    let items = of.items.iter().map(|item| item.refund_amount);
    compare("a refund of its items", items.sum(), row.refund_items);
    let total = row.refund_items + row.refund_tax + row.refund_shipping;
    compare("a total of its parts", total, row.refund_total);
    let mut wrong = |expected: String, stored: String| {
        found.push(Violation::new(AMOUNTS, &of.id, expected, stored));
    };
    if row.refund_total < 0 {
        wrong(
            "a refund of 0 or more".to_owned(),
            row.refund_total.to_string(),
        );
    }
    if !(0..=row.refund_total.max(0)).contains(&row.refund_credit) {
        let expected = format!("store credit of 0 to {}", row.refund_total);
        wrong(expected, row.refund_credit.to_string());
    }
    if of.items.iter().all(|item| item.quantity <= 0) {
        wrong("at least one unit".to_owned(), "none".to_owned());
    }
    found
}

/// The supplement of a return, in minor units; part of its total.
fn supplement(of: &ReturnData) -> i64 {
    of.supplement
        .as_ref()
        .map_or(0, |supplement| supplement.amount)
}

/// Whether a refund of this id is store credit.
fn is_credit(provider_id: Option<&str>) -> bool {
    provider_id.is_some_and(|id| id.parse::<Uuid>().is_ok())
}

fn destination(of: &ReturnData) -> Vec<Violation> {
    let row = &of.row;
    let mut found = Vec::new();
    let first = row.refund_total - supplement(of);
    if row.refund_issued_at.is_some() && first > 0 {
        if row.refund_provider_id.is_none() {
            let expected = format!("a refund or store credit of {first}");
            found.push(Violation::new(DESTINATION, &of.id, expected, "none"));
        } else if row.refund_method == RefundMethod::OriginalPayment
            && row.payment_intent_id.is_none()
        {
            let expected = "the payment that was refunded";
            found.push(Violation::new(DESTINATION, &of.id, expected, "none"));
        }
    }
    if let Some(supplement) = &of.supplement {
        let is_refunded = row.refund_issued_at.is_some();
        if !is_refunded {
            let expected = "the refund to be issued before its supplement";
            found.push(Violation::new(
                DESTINATION,
                &of.id,
                expected,
                "that it is not",
            ));
        }
        if supplement.issued_at.is_some() && supplement.provider_id.is_none() {
            let expected = format!("a refund or store credit of {}", supplement.amount);
            found.push(Violation::new(DESTINATION, &of.id, expected, "none"));
        }
    }
    found
}

/// What was refunded through the payment method, in minor units.
pub(super) fn paid_back(of: &ReturnData) -> i64 {
    let row = &of.row;
    let by_method = row.refund_issued_at.is_some()
        && row.refund_method == RefundMethod::OriginalPayment
        && row.refund_provider_id.is_some();
    let first = match by_method {
        true => row.refund_total - row.refund_credit - supplement(of),
        false => 0,
    };
    let later = of.supplement.as_ref().filter(|supplement| {
        supplement.issued_at.is_some() && !is_credit(supplement.provider_id.as_deref())
    });
    first + later.map_or(0, |supplement| supplement.amount)
}

/// What was given as store credit, in minor units.
pub(super) fn credited(of: &ReturnData) -> i64 {
    let row = &of.row;
    let first = match row.refund_method {
        _ if row.refund_issued_at.is_none() => 0,
        RefundMethod::StoreCredit => row.refund_total - supplement(of),
        RefundMethod::OriginalPayment => row.refund_credit,
    };
    let later = of.supplement.as_ref().filter(|supplement| {
        supplement.issued_at.is_some() && is_credit(supplement.provider_id.as_deref())
    });
    first + later.map_or(0, |supplement| supplement.amount)
}

fn credit(of: &ReturnData) -> Vec<Violation> {
    let expected = credited(of);
    let issued = of.credit.as_ref().map_or(0, |credit| credit.amount);
    let mut found = Vec::new();
    if expected != issued {
        let expected = format!("store credit of {expected}");
        found.push(Violation::new(CREDIT, &of.id, expected, issued));
    }
    let Some(credit) = &of.credit else {
        return found;
    };
    if credit.customer_id != of.row.customer_id || credit.currency != of.row.currency {
        let expected = format!("store credit of the same customer in {}", of.row.currency);
        let other = format!("{} in {}", credit.customer_id, credit.currency);
        found.push(Violation::new(CREDIT, &of.id, expected, other));
    }
    found
}
