//! The queue of support: what waits has a reason that still holds, and what needs a person waits.

use entities::returns::return_review::ReviewReason;
use platform::invariants::Violation;

use super::customer_return::ReturnData;
use crate::rules::status::ReturnStatus;

/// A return waits for a person without a reason, or does not wait although it should.
pub(super) const REVIEW: &str = "return_review";

pub(super) fn check(of: &ReturnData) -> Option<Violation> {
    let status = of.row.status;
    let open = of.review.as_ref();
    let open = open.filter(|review| review.closed_at.is_none());
    if let Some(review) = open {
        let possible = statuses(review.reason);
        if possible.contains(&status) {
            return None;
        }
        let names: Vec<_> = possible.iter().map(|status| status.as_str()).collect();
        let expected = format!("{} with {}", names.join(" or "), review.reason.as_str());
        return Some(Violation::new(REVIEW, &of.id, expected, status.as_str()));
    }
    // What was decided is done by a task.
    let is_forgotten = status == ReturnStatus::ManualReview && of.decisions.is_empty();
    is_forgotten.then(|| {
        let expected = "an open review, since it is in manual_review";
        Violation::new(REVIEW, &of.id, expected, "none")
    })
}

/// The statuses in which a return may wait for this reason.
const fn statuses(reason: ReviewReason) -> &'static [ReturnStatus] {
    use ReturnStatus::{Cancelled, CarrierScanned, Initiated, ManualReview};
    match reason {
        ReviewReason::NoScan | ReviewReason::RateOutOfBounds => &[ManualReview],
        ReviewReason::NoLabel => &[Initiated, ManualReview],
        ReviewReason::RefundRefused => &[CarrierScanned, ManualReview],
        ReviewReason::CancelledButScanned => &[Cancelled],
        // They concern the package and the label, wherever the return is.
        ReviewReason::ReturnedToCustomer | ReviewReason::LabelNotVoided => ReturnStatus::ALL,
    }
}
