//! How the payment provider's status affects an order and its payment.
//!
//! Three statuses are final: the money was captured, a part of it was and the rest never will be, or nothing ever will
//! be. All others are temporary. So the outcome does not depend on the order in which they arrive.

use super::status::OrderStatus;

pub(crate) use entities::orders::order_payment::PaymentState;

/// Whether anything remains to be done.
pub(crate) const fn is_open(state: PaymentState) -> bool {
    matches!(
        state,
        PaymentState::Requested
            | PaymentState::AwaitingCustomer
            | PaymentState::ReleaseRequested
            | PaymentState::CaptureRequested
    )
}

/// The provider's status of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProviderStatus {
    /// Not confirmed yet.
    RequiresConfirmation,
    /// Waiting for the bank or the customer.
    Processing,
    /// The payment method was declined; another could still be used.
    Declined,
    /// The bank holds the amount until it is captured, canceled or expired.
    Authorized,
    /// The money was captured. Final.
    Succeeded,
    /// A part was captured before the authorization ended. Final.
    PartiallyCaptured,
    /// It will never be captured. Final.
    Canceled,
}

/// The provider's amount: minor units of a currency in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub amount: i64,
    pub currency: String,
}

impl Charge {
    /// Whether it is exactly this amount in this currency.
    pub(crate) fn is(&self, amount: i64, currency: &str) -> bool {
        self.amount == amount && self.currency.eq_ignore_ascii_case(currency)
    }
}

/// The order's next status, if it changes, and the payment's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub order: Option<OrderStatus>,
    pub payment: PaymentState,
}

/// The outcome for an order and its payment. An order never waits for another card: it is cancelled, and the customer
/// places a new one.
pub(crate) fn outcome(
    order: OrderStatus,
    payment: PaymentState,
    status: ProviderStatus,
) -> Outcome {
    use OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
    let (order, payment) = match (order, status) {
        (Pending, ProviderStatus::RequiresConfirmation) => (None, PaymentState::Requested),
        (Pending, ProviderStatus::Processing) => (None, PaymentState::AwaitingCustomer),
        (Pending, ProviderStatus::Authorized) => (Some(Confirmed), PaymentState::Authorized),
        (Pending, ProviderStatus::Succeeded) => (Some(Confirmed), PaymentState::Captured),
        (Pending, ProviderStatus::Declined) => (Some(Cancelled), PaymentState::ReleaseRequested),
        (Pending, ProviderStatus::Canceled) => (Some(Cancelled), PaymentState::Released),
        // The amount is not the order's, so a person decides.
        (Pending, ProviderStatus::PartiallyCaptured) => (None, PaymentState::NeedsReview),
        // A refunded payment is also reported as succeeded.
        (Cancelled, ProviderStatus::Succeeded | ProviderStatus::PartiallyCaptured)
            if matches!(payment, PaymentState::Released | PaymentState::NeedsReview) =>
        {
            (None, payment)
        }
        (Cancelled, ProviderStatus::Canceled) => (None, PaymentState::Released),
        (Cancelled, _) if payment == PaymentState::Released => (None, payment),
        (Cancelled, _) => (None, PaymentState::ReleaseRequested),
        (Confirmed | Shipped | Delivered, ProviderStatus::Succeeded) => {
            (None, PaymentState::Captured)
        }
        // It was not captured in time. Nothing is sent without money.
        (Confirmed, ProviderStatus::Canceled) if payment == PaymentState::Authorized => {
            (Some(Cancelled), PaymentState::Released)
        }
        // Something was sent or is to be sent, and there is no money for it. What a person has settled stays settled.
        (
            Confirmed | Shipped | Delivered,
            ProviderStatus::PartiallyCaptured | ProviderStatus::Canceled,
        ) if !matches!(payment, PaymentState::Captured | PaymentState::Released) => {
            (None, PaymentState::NeedsReview)
        }
        // Support has asked again about a payment that the bank still holds.
        (Confirmed, ProviderStatus::Authorized) if payment == PaymentState::AwaitingCustomer => {
            (None, PaymentState::Authorized)
        }
        // Sent before the payment was settled.
        (Shipped | Delivered, ProviderStatus::Authorized)
            if matches!(
                payment,
                PaymentState::Requested | PaymentState::AwaitingCustomer
            ) =>
        {
            (None, PaymentState::CaptureRequested)
        }
        // Statuses from before the capture.
        (Confirmed | Shipped | Delivered, _) => (None, payment),
    };
    Outcome { order, payment }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_is_the_same_only_whole_and_in_the_same_currency() {
        for (amount, currency, expected) in [
            (14_263, "usd", true),
            (14_263, "USD", true),
            (1, "usd", false),
            (14_262, "usd", false),
            (14_264, "usd", false),
            (0, "usd", false),
            (-14_263, "usd", false),
            (14_263, "jpy", false),
            (14_263, "", false),
        ] {
            let currency = currency.to_owned();
            let charge = Charge { amount, currency };
            assert_eq!(charge.is(14_263, "USD"), expected, "{charge:?}");
        }
    }

    #[test]
    fn an_order_follows_its_payment() {
        use OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
        use PaymentState::{
            Authorized, AwaitingCustomer, CaptureRequested, Captured, NeedsReview,
            ReleaseRequested, Released, Requested,
        };
        let cases = [
            (
                Pending,
                Requested,
                ProviderStatus::RequiresConfirmation,
                None,
                Requested,
            ),
            (
                Pending,
                Requested,
                ProviderStatus::Processing,
                None,
                AwaitingCustomer,
            ),
            (
                Pending,
                Requested,
                ProviderStatus::Succeeded,
                Some(Confirmed),
                Captured,
            ),
            (
                Pending,
                AwaitingCustomer,
                ProviderStatus::Succeeded,
                Some(Confirmed),
                Captured,
            ),
            (
                Pending,
                Requested,
                ProviderStatus::Declined,
                Some(Cancelled),
                ReleaseRequested,
            ),
            (
                Pending,
                AwaitingCustomer,
                ProviderStatus::Canceled,
                Some(Cancelled),
                Released,
            ),
            // The customer cancelled during the capture.
            (
                Cancelled,
                ReleaseRequested,
                ProviderStatus::Succeeded,
                None,
                ReleaseRequested,
            ),
            (
                Cancelled,
                ReleaseRequested,
                ProviderStatus::RequiresConfirmation,
                None,
                ReleaseRequested,
            ),
            (
                Cancelled,
                ReleaseRequested,
                ProviderStatus::Canceled,
                None,
                Released,
            ),
            (
                Cancelled,
                Released,
                ProviderStatus::Succeeded,
                None,
                Released,
            ),
            (
                Cancelled,
                Released,
                ProviderStatus::Declined,
                None,
                Released,
            ),
            (
                Cancelled,
                NeedsReview,
                ProviderStatus::Succeeded,
                None,
                NeedsReview,
            ),
            (
                Pending,
                AwaitingCustomer,
                ProviderStatus::Authorized,
                Some(Confirmed),
                Authorized,
            ),
            (
                Cancelled,
                Authorized,
                ProviderStatus::Succeeded,
                None,
                ReleaseRequested,
            ),
            (
                Confirmed,
                CaptureRequested,
                ProviderStatus::Authorized,
                None,
                CaptureRequested,
            ),
            (
                Confirmed,
                CaptureRequested,
                ProviderStatus::Succeeded,
                None,
                Captured,
            ),
            (
                Confirmed,
                Authorized,
                ProviderStatus::Canceled,
                Some(Cancelled),
                Released,
            ),
            (
                Confirmed,
                CaptureRequested,
                ProviderStatus::Canceled,
                None,
                NeedsReview,
            ),
            (
                Shipped,
                Authorized,
                ProviderStatus::Canceled,
                None,
                NeedsReview,
            ),
            // Only what was sent so far was captured.
            (
                Confirmed,
                Authorized,
                ProviderStatus::PartiallyCaptured,
                None,
                NeedsReview,
            ),
            (
                Shipped,
                CaptureRequested,
                ProviderStatus::PartiallyCaptured,
                None,
                NeedsReview,
            ),
            (
                Delivered,
                NeedsReview,
                ProviderStatus::PartiallyCaptured,
                None,
                NeedsReview,
            ),
            // A person has accepted it.
            (
                Delivered,
                Captured,
                ProviderStatus::PartiallyCaptured,
                None,
                Captured,
            ),
            (
                Cancelled,
                ReleaseRequested,
                ProviderStatus::PartiallyCaptured,
                None,
                ReleaseRequested,
            ),
            (
                Pending,
                AwaitingCustomer,
                ProviderStatus::PartiallyCaptured,
                None,
                NeedsReview,
            ),
            // Support has asked again.
            (
                Confirmed,
                AwaitingCustomer,
                ProviderStatus::Authorized,
                None,
                Authorized,
            ),
            (
                Delivered,
                Requested,
                ProviderStatus::Authorized,
                None,
                CaptureRequested,
            ),
            // Late updates.
            (
                Confirmed,
                Captured,
                ProviderStatus::Declined,
                None,
                Captured,
            ),
            (
                Confirmed,
                Captured,
                ProviderStatus::Succeeded,
                None,
                Captured,
            ),
            (
                Delivered,
                Requested,
                ProviderStatus::Succeeded,
                None,
                Captured,
            ),
        ];
        for (order, payment, reported, next, state) in cases {
            let expected = Outcome {
                order: next,
                payment: state,
            };
            assert_eq!(
                outcome(order, payment, reported),
                expected,
                "{order:?} {payment:?} {reported:?}"
            );
        }
    }

    /// The states after a sequence of updates.
    fn after(words: &[ProviderStatus]) -> (OrderStatus, PaymentState) {
        let start = (OrderStatus::Pending, PaymentState::Requested);
        words.iter().fold(start, |(order, payment), &status| {
            let next = outcome(order, payment, status);
            (next.order.unwrap_or(order), next.payment)
        })
    }

    proptest! {
        #[test]
        fn words_that_are_not_final_and_repeats_change_nothing_about_a_payment_that_was_taken(
            words in proptest::collection::vec(
                prop_oneof![
                    Just(ProviderStatus::RequiresConfirmation), Just(ProviderStatus::Processing),
                    Just(ProviderStatus::Authorized), Just(ProviderStatus::Succeeded),
                ],
                0..12,
            ),
        ) {
            let mut words = words;
            words.push(ProviderStatus::Succeeded);
            prop_assert_eq!(after(&words), (OrderStatus::Confirmed, PaymentState::Captured));
        }

        #[test]
        fn a_cancelled_order_is_never_confirmed(
            words in proptest::collection::vec(
                prop_oneof![
                    Just(ProviderStatus::RequiresConfirmation), Just(ProviderStatus::Processing), Just(ProviderStatus::Declined),
                    Just(ProviderStatus::Authorized), Just(ProviderStatus::Succeeded),
                    Just(ProviderStatus::Canceled), Just(ProviderStatus::PartiallyCaptured),
                ],
                0..12,
            ),
        ) {
            let mut all = vec![ProviderStatus::Declined];
            all.extend(words);
            let (order, payment) = after(&all);
            prop_assert_eq!(order, OrderStatus::Cancelled);
            prop_assert!(matches!(payment, PaymentState::ReleaseRequested | PaymentState::Released));
        }
    }
}
