//! The queue of support: what waits has a reason that still holds, and what needs a person waits.

use entities::orders::order_payment::PaymentState;
use entities::orders::order_refund::OrderRefundState;
use entities::orders::order_review::ReviewReason;
use platform::invariants::Violation;

use super::order::OrderData;
use crate::rules::settlement;
use crate::rules::status::OrderStatus;

/// An order waits for a person without a reason, or does not wait although it should.
pub(super) const REVIEW: &str = "order_review";

pub(super) fn check(order: &OrderData) -> Option<Violation> {
    let open = order.review.as_ref();
    let open = open.filter(|review| review.closed_at.is_none());
    let state = order.payment.as_ref().map(|payment| payment.state);
    if let Some(review) = open {
        let missing = missing(order, review.reason)?;
        let status = order.row.status.as_str();
        let payment = state.map_or("none", PaymentState::as_str);
        let found = format!(
            "{} of a {status} order with the payment {payment}",
            review.reason.as_str()
        );
        return Some(Violation::new(REVIEW, &order.id, missing, found));
    }
    let mut refunds = order.refunds.iter();
    let is_refused = refunds.any(|refund| refund.state == OrderRefundState::Refused);
    if is_refused && order.review.is_none() {
        let expected = "a review, since a refund was refused";
        return Some(Violation::new(REVIEW, &order.id, expected, "none"));
    }
    // Every decision gives the payment another state, or leaves the order in the queue.
    let is_forgotten = state == Some(PaymentState::NeedsReview);
    is_forgotten.then(|| {
        let expected = "an open review, since its payment needs a person";
        Violation::new(REVIEW, &order.id, expected, "none")
    })
}

/// What this reason needs and the order does not have.
fn missing(order: &OrderData, reason: ReviewReason) -> Option<&'static str> {
    let state = order.payment.as_ref().map(|payment| payment.state);
    let is_cancelled = order.row.status == OrderStatus::Cancelled;
    let (holds, needed) = match reason {
        ReviewReason::PaymentMismatch => (state.is_some(), "a payment to review"),
        ReviewReason::RefundMismatch | ReviewReason::SentAfterCancellation => {
            (is_cancelled, "a cancelled order")
        }
        ReviewReason::RefundRefused => {
            let mut refunds = order.refunds.iter();
            let is_refused = refunds.any(|refund| refund.state == OrderRefundState::Refused);
            (
                is_cancelled || is_refused,
                "a cancelled order, or a refused refund",
            )
        }
        ReviewReason::PaymentInDoubt => {
            let in_doubt = |state| settlement::is_open(state) || state == PaymentState::NeedsReview;
            (
                state.is_some_and(in_doubt),
                "a payment whose outcome is open",
            )
        }
        ReviewReason::CaptureFailed => (
            state == Some(PaymentState::NeedsReview),
            "a payment that needs a person",
        ),
        // It may be one that was not registered, so only tracking knows it.
        ReviewReason::ReturnedToSender => return None,
    };
    (!holds).then_some(needed)
}
