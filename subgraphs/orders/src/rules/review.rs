//! What support can decide about an order that waits for a person.

use entities::orders::order_decision::OrderDecision;

use super::settlement::{self, PaymentState};
use super::status::OrderStatus;

/// The longest note, in characters.
pub(crate) const LONGEST_NOTE: usize = 2_000;

/// The possible decisions about an order in this status with this payment, if it has one. A refund is no decision: it is
/// possible at any time.
pub(crate) fn possible(status: OrderStatus, payment: Option<PaymentState>) -> Vec<OrderDecision> {
    let is_unsettled = payment
        .is_some_and(|state| settlement::is_open(state) || state == PaymentState::NeedsReview);
    let is_cancellable = matches!(status, OrderStatus::Pending | OrderStatus::Confirmed);
    [
        (is_unsettled, OrderDecision::RetryPayment),
        (is_cancellable, OrderDecision::Cancel),
        // A pending order would wait without anybody who looks at it.
        (status != OrderStatus::Pending, OrderDecision::Resolve),
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
            for &status in OrderStatus::ALL {
                let possible = possible(status, payment);
                assert!(possible.contains(&OrderDecision::Wait));
                let has_way_out = possible.contains(&OrderDecision::Cancel)
                    || possible.contains(&OrderDecision::Resolve);
                assert!(has_way_out, "{status:?} {payment:?}");
            }
        }
    }

    #[test]
    fn payments_are_asked_about_only_until_they_are_settled() {
        for &payment in PaymentState::ALL {
            let is_settled = matches!(payment, PaymentState::Captured | PaymentState::Released);
            let possible = possible(OrderStatus::Cancelled, Some(payment));
            let is_retried = possible.contains(&OrderDecision::RetryPayment);
            assert_eq!(is_retried, !is_settled, "{payment:?}");
        }
    }
}
