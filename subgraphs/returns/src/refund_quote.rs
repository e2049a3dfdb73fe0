//! The GraphQL type `RefundQuote`, for quoted and issued refunds.

use async_graphql::{Enum, SimpleObject};
use entities::returns::customer_return;
use resolvers::money::{CurrencyCode, Money};

use crate::rules::refund::Quote;

/// Where the money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "customer_return::RefundMethod")]
pub(crate) enum RefundMethod {
    OriginalPayment,
    /// Used when the payment method is no longer usable.
    StoreCredit,
}

/// The refund amounts, in the currency of the payment.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct RefundQuote {
    pub items: Money,
    pub tax: Money,
    /// Negative when deducted.
    pub shipping: Money,
    pub total: Money,
    /// Whether this return refunds the order's whole shipping.
    pub includes_shipping: bool,
}

impl RefundQuote {
    pub(crate) fn new(quote: &Quote, currency: CurrencyCode) -> Self {
        let money = |minor| Money::new(minor, currency);
        Self {
            items: money(quote.items),
            tax: money(quote.tax),
            shipping: money(quote.shipping),
            total: money(quote.total),
            includes_shipping: quote.includes_shipping,
        }
    }
}
