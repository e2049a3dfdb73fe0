//! The GraphQL type `ReturnReason`.

use async_graphql::{Enum, SimpleObject};

use crate::rules::reasons;

/// What a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "reasons::ReasonCategory")]
pub(crate) enum ReasonCategory {
    /// The product itself.
    Quality,
    /// The customer's preferences.
    Preference,
    /// Shipping and delivery.
    Logistics,
}

/// A reason that a customer can give for sending an item back.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct ReturnReason {
    /// The code to send as `reasonCode`, such as "wrong_size".
    pub code: &'static str,
    /// What the reason is about.
    pub category: ReasonCategory,
    /// The reason in English, to show to customers.
    pub label: &'static str,
    /// Whether the shop is at fault, so that it refunds the order's shipping.
    pub refunds_shipping: bool,
}

impl From<&'static reasons::ReturnReason> for ReturnReason {
    fn from(reason: &'static reasons::ReturnReason) -> Self {
        Self {
            code: reason.code,
            category: reason.category.into(),
            label: reason.label,
            refunds_shipping: reason.refunds_shipping,
        }
    }
}
