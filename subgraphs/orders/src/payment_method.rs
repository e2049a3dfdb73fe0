//! How an order was paid, as the graph shows it: enough to recognize it, not to use it.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};
use entities::orders::payment_method as entity;
use resolvers::{ApiError, ApiResult};

use crate::State;
use crate::rules::payment_method as rules;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PaymentMethodKind {
    Card,
    ApplePay,
    GooglePay,
    Paypal,
    BankAccount,
}

impl PaymentMethodKind {
    fn parse(stored: &str) -> Option<Self> {
        Some(match stored {
            "card" => Self::Card,
            "apple_pay" => Self::ApplePay,
            "google_pay" => Self::GooglePay,
            "paypal" => Self::Paypal,
            "bank_account" => Self::BankAccount,
            _ => return None,
        })
    }
}

pub(crate) struct PaymentMethod(pub Arc<entity::Model>);

/// How an order was paid.
#[Object]
impl PaymentMethod {
    async fn kind(&self) -> ApiResult<PaymentMethodKind> {
        PaymentMethodKind::parse(&self.0.kind).ok_or_else(|| {
            ApiError::internal(format!("payment method {} is a {}", self.0.id, self.0.kind))
        })
    }

    /// The last four digits of the card or account, where it has a number.
    async fn last4(&self) -> Option<&str> {
        self.0.last4.as_deref()
    }

    /// Whether it can still be charged, and a refund go back to it: it has neither expired nor
    /// been closed.
    async fn usable(&self, context: &Context<'_>) -> bool {
        let now = context.data_unchecked::<State>().clock.now();
        rules::usable(self.0.expires_at, self.0.closed_at, now)
    }
}
