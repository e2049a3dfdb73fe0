//! The GraphQL type `ReturnReason`.

use async_graphql::{Enum, SimpleObject};

use crate::rules::reasons;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "reasons::ReasonCategory")]
pub(crate) enum ReasonCategory {
    Quality,
    Preference,
    Logistics,
}

/// Why an item is returned.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct ReturnReason {
    pub code: &'static str,
    pub category: ReasonCategory,
    /// Human-readable.
    pub label: &'static str,
    /// Whether it is the seller's fault, so that shipping is refunded.
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
