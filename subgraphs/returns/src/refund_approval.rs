//! Refunds that support decided on: they need no scan, may have another amount, and may be store credit.

use entities::returns::return_decision::{self, ReviewDecision};
use entities::returns::{customer_return, return_review};
use sea_orm::{ConnectionTrait, DbErr};

use crate::rules::status::ReturnStatus;
use crate::transitions::{ReviewReason, Transition};

/// What support decided about a refund that was not issued yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Approval {
    /// Whether it was approved, and not merely fixed at nothing.
    is_approved: bool,
    /// Whether it is to be store credit.
    pub is_store_credit: bool,
    /// Whether the amount was decided, and is not to be computed again.
    pub is_fixed: bool,
}

/// What support last decided about the return's refund; the default if it did not.
pub(crate) async fn of(
    db: &impl ConnectionTrait,
    row: &customer_return::Model,
) -> Result<Approval, DbErr> {
    // Nobody decides about a return that never waited for a person.
    if return_review::of_return(db, row.id).await?.is_none() {
        return Ok(Approval::default());
    }
    let latest = return_decision::latest(db, row.id).await?;
    let latest = latest.filter(|_| row.refund_issued_at.is_none());
    Ok(latest.map_or_else(Approval::default, |latest| Approval {
        is_approved: matches!(
            latest.decision,
            ReviewDecision::Refund | ReviewDecision::RefundToStoreCredit
        ),
        is_store_credit: latest.decision == ReviewDecision::RefundToStoreCredit,
        is_fixed: latest.is_refund_fixed,
    }))
}

impl Approval {
    /// Whether a return waits for its refund: the carrier has the package, or support approved it without.
    pub(crate) fn awaits_refund(self, row: &customer_return::Model) -> bool {
        match row.status {
            ReturnStatus::CarrierScanned => true,
            ReturnStatus::ManualReview => self.is_approved && row.refund_issued_at.is_none(),
            _ => false,
        }
    }
}

/// What follows at once for a return whose refund was issued in this status, if anything.
pub(crate) fn next(row: &customer_return::Model, issued_in: ReturnStatus) -> Option<Transition> {
    let is_by_support = issued_in == ReturnStatus::ManualReview;
    if is_by_support && (row.turned_back_at.is_some() || row.tracking_number.is_none()) {
        // No package is on its way to the warehouse.
        Some(Transition::Closed)
    } else if row.turned_back_at.is_some() {
        Some(Transition::ManualReview(ReviewReason::ReturnedToCustomer))
    } else {
        row.delivered_at.map(|_| Transition::Completed)
    }
}
