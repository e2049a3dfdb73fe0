//! What the payment provider's word means for an order and its payment.
//!
//! Two of its words are final, that the money was taken and that it never will be; the others are
//! only how it stands. So the outcome does not depend on the order in which they come.

use crate::order::OrderStatus;

/// What is wanted of the provider, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaymentState {
    /// To be taken; what came of it is not known yet.
    Wanted,
    /// The customer's bank, or the customer, has to do something first.
    Waiting,
    Taken,
    /// The order is cancelled: what was taken is to be given back, and nothing more to be taken.
    Unwanted,
    /// Nothing was taken, or all of it was given back.
    Released,
    /// It cannot be given back, or another amount was taken: people have to settle it.
    Stuck,
}

impl PaymentState {
    pub(crate) const ALL: [Self; 6] = [
        Self::Wanted,
        Self::Waiting,
        Self::Taken,
        Self::Unwanted,
        Self::Released,
        Self::Stuck,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Waiting => "waiting",
            Self::Taken => "taken",
            Self::Unwanted => "unwanted",
            Self::Released => "released",
            Self::Stuck => "stuck",
        }
    }

    pub(crate) fn parse(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == stored)
    }

    /// Whether there is something left to do.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Wanted | Self::Waiting | Self::Unwanted)
    }
}

/// What the provider says of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nobody has confirmed it yet.
    Unconfirmed,
    /// It waits for the bank or for the customer.
    Waiting,
    /// The payment method was refused, and another could still be used.
    Declined,
    /// The money was taken. Final.
    Taken,
    /// It never will be taken. Final.
    Void,
}

/// An amount as the provider has it: minor units of a currency in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub amount: i64,
    pub currency: String,
}

impl Charge {
    /// Whether it is this amount of this currency, not a part of it and no more.
    pub(crate) fn is(&self, amount: i64, currency: &str) -> bool {
        self.amount == amount && self.currency.eq_ignore_ascii_case(currency)
    }
}

/// What follows: the order's next status, if it gets one, and the payment's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub order: Option<OrderStatus>,
    pub payment: PaymentState,
}

/// What follows for an order and its payment. An order is never left to wait for another card: it is
/// cancelled, and the customer places another.
pub(crate) fn outcome(order: OrderStatus, payment: PaymentState, told: Told) -> Outcome {
    use OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
    let (order, payment) = match (order, told) {
        (Pending, Told::Unconfirmed) => (None, PaymentState::Wanted),
        (Pending, Told::Waiting) => (None, PaymentState::Waiting),
        (Pending, Told::Taken) => (Some(Confirmed), PaymentState::Taken),
        (Pending, Told::Declined) => (Some(Cancelled), PaymentState::Unwanted),
        (Pending, Told::Void) => (Some(Cancelled), PaymentState::Released),
        // It says so of what it has given back, too.
        (Cancelled, Told::Taken) if !payment.is_open() && payment != PaymentState::Taken => {
            (None, payment)
        }
        (Cancelled, Told::Void) => (None, PaymentState::Released),
        (Cancelled, _) if payment == PaymentState::Released => (None, payment),
        (Cancelled, _) => (None, PaymentState::Unwanted),
        (Confirmed | Shipped | Delivered, Told::Taken) => (None, PaymentState::Taken),
        // What came before the money.
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
        use OrderStatus::{Cancelled, Confirmed, Delivered, Pending};
        use PaymentState::{Released, Stuck, Taken, Unwanted, Waiting, Wanted};
        let cases = [
            (Pending, Wanted, Told::Unconfirmed, None, Wanted),
            (Pending, Wanted, Told::Waiting, None, Waiting),
            (Pending, Wanted, Told::Taken, Some(Confirmed), Taken),
            (Pending, Waiting, Told::Taken, Some(Confirmed), Taken),
            (Pending, Wanted, Told::Declined, Some(Cancelled), Unwanted),
            (Pending, Waiting, Told::Void, Some(Cancelled), Released),
            // The customer cancelled while the money was taken.
            (Cancelled, Unwanted, Told::Taken, None, Unwanted),
            (Cancelled, Unwanted, Told::Unconfirmed, None, Unwanted),
            (Cancelled, Unwanted, Told::Void, None, Released),
            (Cancelled, Released, Told::Taken, None, Released),
            (Cancelled, Released, Told::Declined, None, Released),
            (Cancelled, Stuck, Told::Taken, None, Stuck),
            // Late words.
            (Confirmed, Taken, Told::Declined, None, Taken),
            (Confirmed, Taken, Told::Taken, None, Taken),
            (Delivered, Wanted, Told::Taken, None, Taken),
        ];
        for (order, payment, told, status, state) in cases {
            let expected = Outcome {
                order: status,
                payment: state,
            };
            assert_eq!(
                outcome(order, payment, told),
                expected,
                "{order:?} {payment:?} {told:?}"
            );
        }
    }

    /// The states after these words, one after the other.
    fn after(words: &[Told]) -> (OrderStatus, PaymentState) {
        let start = (OrderStatus::Pending, PaymentState::Wanted);
        words.iter().fold(start, |(order, payment), &told| {
            let next = outcome(order, payment, told);
            (next.order.unwrap_or(order), next.payment)
        })
    }

    proptest! {
        #[test]
        fn words_that_are_not_final_and_repeats_change_nothing_about_a_payment_that_was_taken(
            words in proptest::collection::vec(
                prop_oneof![Just(Told::Unconfirmed), Just(Told::Waiting), Just(Told::Taken)],
                0..12,
            ),
        ) {
            let mut words = words;
            words.push(Told::Taken);
            prop_assert_eq!(after(&words), (OrderStatus::Confirmed, PaymentState::Taken));
        }

        #[test]
        fn a_cancelled_order_is_never_confirmed(
            words in proptest::collection::vec(
                prop_oneof![
                    Just(Told::Unconfirmed), Just(Told::Waiting), Just(Told::Declined),
                    Just(Told::Taken), Just(Told::Void),
                ],
                0..12,
            ),
        ) {
            let mut all = vec![Told::Declined];
            all.extend(words);
            let (order, payment) = after(&all);
            prop_assert_eq!(order, OrderStatus::Cancelled);
            prop_assert!(matches!(payment, PaymentState::Unwanted | PaymentState::Released));
        }
    }
}
