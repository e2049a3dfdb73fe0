//! The GraphQL type `PaymentStatus`, and how much was captured.

use async_graphql::Enum;
use entities::orders::order::{self, OrderStatus};
use entities::orders::order_payment;

use crate::rules::settlement::PaymentState;

/// The progress of an order's payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PaymentStatus {
    /// Not settled yet.
    Pending,
    /// The bank holds the amount. It is captured as parcels are sent.
    Authorized,
    /// A part of the amount is captured: that of what was sent, or all that support wants charged.
    PartiallyCaptured,
    /// The whole amount is captured.
    Captured,
    /// It is being voided or refunded.
    Releasing,
    /// Nothing was captured, nor will be; or everything was refunded.
    Released,
    /// A support agent is looking at it.
    InReview,
}

/// The status, and the captured amount in minor units, without deduction of refunds. Orders without a row were paid
/// elsewhere.
pub(crate) fn payment_status(
    order: &order::Model,
    payment: Option<&order_payment::Model>,
) -> (PaymentStatus, i64) {
    let total = order.charged_amount();
    let Some(payment) = payment else {
        return match order.status {
            OrderStatus::Pending => (PaymentStatus::Pending, 0),
            OrderStatus::Cancelled => (PaymentStatus::Released, 0),
            _ => (PaymentStatus::Captured, total),
        };
    };
    let captured = payment.captured_amount.unwrap_or(0);
    match payment.state {
        PaymentState::Requested | PaymentState::AwaitingCustomer => (PaymentStatus::Pending, 0),
        PaymentState::Authorized | PaymentState::CaptureRequested if captured > 0 => {
            (PaymentStatus::PartiallyCaptured, captured)
        }
        PaymentState::Authorized | PaymentState::CaptureRequested => (PaymentStatus::Authorized, 0),
        // Support has accepted what was captured.
        PaymentState::Captured if payment.captured_amount.is_some_and(|part| part < total) => {
            (PaymentStatus::PartiallyCaptured, captured)
        }
        PaymentState::Captured => (
            PaymentStatus::Captured,
            payment.captured_amount.unwrap_or(total),
        ),
        PaymentState::ReleaseRequested => (PaymentStatus::Releasing, captured),
        PaymentState::Released => (PaymentStatus::Released, captured),
        PaymentState::NeedsReview => (PaymentStatus::InReview, captured),
    }
}
