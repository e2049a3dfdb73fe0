//! The GraphQL type `PaymentMethod`: enough to recognize it, not to use it.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};
use entities::orders::payment_method as entity;

use crate::State;
use crate::rules::payment_method as rules;

/// The kinds of payment methods that the shop accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::PaymentMethodKind")]
pub(crate) enum PaymentMethodKind {
    /// A credit or debit card.
    Card,
    /// A card in Apple Pay.
    ApplePay,
    /// A card in Google Pay.
    GooglePay,
    /// A PayPal account.
    Paypal,
    /// A bank account that is debited.
    BankAccount,
}

pub(crate) struct PaymentMethod(pub Arc<entity::Model>);

/// How an order is paid: enough for the customer to recognize it.
#[Object]
impl PaymentMethod {
    /// The kind of payment method.
    async fn kind(&self) -> PaymentMethodKind {
        self.0.kind.into()
    }

    /// The last four digits of the card's number; null for a payment method without a card.
    async fn last4(&self) -> Option<&str> {
        self.0.last4.as_deref()
    }

    /// Whether it can still be charged and refunded to: it has neither expired nor been closed.
    async fn usable(&self, context: &Context<'_>) -> bool {
        let now = context.data_unchecked::<State>().clock.now();
        rules::usable(self.0.expires_at, self.0.closed_at, now)
    }
}
