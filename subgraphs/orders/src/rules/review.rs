//! What support can decide about an order that waits for a person.

use entities::orders::order_decision::OrderDecision;
use entities::orders::order_review::ReviewReason;

use super::settlement::{self, PaymentState};
use super::status::{self, OrderStatus};

/// The possible decisions about an order that waits for this reason, in this status, with this payment, if it has one.
/// `is_packed` says whether a parcel of it was registered. A refund is no decision: it is possible at any time.
pub(crate) fn possible(
    reason: ReviewReason,
    order: OrderStatus,
    is_packed: bool,
    payment: Option<PaymentState>,
) -> Vec<OrderDecision> {
    let is_unsettled = payment.is_some_and(|state| {
        settlement::is_open(state)
            || matches!(state, PaymentState::NeedsReview | PaymentState::Authorized)
    });
    let can_retry = match reason {
        ReviewReason::PaymentMismatch
        | ReviewReason::RefundMismatch
        | ReviewReason::PaymentInDoubt => is_unsettled,
        // The refund of the whole payment can be made again; one by support is made anew with `orderRefund`.
        ReviewReason::RefundRefused => {
            order == OrderStatus::Cancelled && payment == Some(PaymentState::NeedsReview)
        }
        // An authorization that has ended stays so, and a parcel is no matter of the payment.
        ReviewReason::CaptureFailed
        | ReviewReason::ReturnedToSender
        | ReviewReason::SentAfterCancellation => false,
    };
    let is_cancellable = status::is_cancellable(order, is_packed);
    [
        (can_retry, OrderDecision::RetryPayment),
        (is_cancellable, OrderDecision::Cancel),
        // A pending order would wait without anybody who looks at it.
        (order != OrderStatus::Pending, OrderDecision::Resolve),
        (true, OrderDecision::Wait),
    ]
    .into_iter()
    .filter_map(|(is_possible, decision)| is_possible.then_some(decision))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_in_the_queue_has_a_way_out() {
        let payments = PaymentState::ALL.iter().copied().map(Some);
        for payment in payments.chain([None]) {
            for (&status, &reason) in OrderStatus::ALL
                .iter()
                .flat_map(|status| ReviewReason::ALL.iter().map(move |reason| (status, reason)))
            {
                for is_packed in [false, true] {
                    let possible = possible(reason, status, is_packed, payment);
                    assert!(possible.contains(&OrderDecision::Wait));
                    let has_way_out = possible.contains(&OrderDecision::Cancel)
                        || possible.contains(&OrderDecision::Resolve);
                    assert!(has_way_out, "{reason:?} {status:?} {is_packed} {payment:?}");
                }
            }
        }
    }

    #[test]
    fn an_order_with_a_parcel_is_refunded_and_resolved_but_not_cancelled() {
        for (is_packed, expected) in [
            (
                false,
                &[
                    OrderDecision::Cancel,
                    OrderDecision::Resolve,
                    OrderDecision::Wait,
                ][..],
            ),
            (true, &[OrderDecision::Resolve, OrderDecision::Wait]),
        ] {
            let payment = Some(PaymentState::Captured);
            let reason = ReviewReason::PaymentMismatch;
            let possible = possible(reason, OrderStatus::Confirmed, is_packed, payment);
            assert_eq!(possible, expected, "{is_packed}");
        }
    }

    #[test]
    fn payments_are_asked_about_only_until_they_are_settled() {
        for &payment in PaymentState::ALL {
            let is_settled = matches!(payment, PaymentState::Captured | PaymentState::Released);
            let reason = ReviewReason::PaymentInDoubt;
            let possible = possible(reason, OrderStatus::Cancelled, false, Some(payment));
            let is_retried = possible.contains(&OrderDecision::RetryPayment);
            assert_eq!(is_retried, !is_settled, "{payment:?}");
        }
    }

    #[test]
    fn payments_are_asked_about_only_where_the_answer_can_settle_the_matter() {
        use OrderStatus::{Cancelled, Confirmed, Shipped};
        use PaymentState::{Authorized, NeedsReview, Released};
        for (reason, status, payment, expected) in [
            (ReviewReason::RefundRefused, Cancelled, NeedsReview, true),
            (ReviewReason::RefundRefused, Cancelled, Released, false),
            (ReviewReason::RefundRefused, Confirmed, Authorized, false),
            (ReviewReason::CaptureFailed, Confirmed, NeedsReview, false),
            (ReviewReason::ReturnedToSender, Shipped, Authorized, false),
            (
                ReviewReason::SentAfterCancellation,
                Cancelled,
                NeedsReview,
                false,
            ),
        ] {
            let possible = possible(reason, status, false, Some(payment));
            let is_retried = possible.contains(&OrderDecision::RetryPayment);
            assert_eq!(is_retried, expected, "{reason:?} {status:?} {payment:?}");
        }
    }
}
