//! The GraphQL type `RefundQuote`, for quoted and issued refunds.

use async_graphql::{Enum, SimpleObject};
use entities::returns::customer_return;
use resolvers::money::{CurrencyCode, Money};

use crate::rules::refund::Quote;

/// Where a refund goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "customer_return::RefundMethod")]
pub(crate) enum RefundMethod {
    /// The payment method that the order was paid with.
    OriginalPayment,
    /// Store credit, because the payment method can no longer be used.
    StoreCredit,
}

/// What is refunded for a return, in the currency of the order's payment.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct RefundQuote {
    /// The price of the items, without tax.
    pub items: Money,
    /// The items' share of the tax.
    pub tax: Money,
    /// The order's shipping if the shop is at fault, less the share of the items that the customer returns by choice.
    /// Negative if only that share is deducted.
    pub shipping: Money,
    /// The sum of `items`, `tax` and `shipping`, never negative.
    pub total: Money,
    /// Whether this return refunds the whole shipping of the order, which only one of its returns does.
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
