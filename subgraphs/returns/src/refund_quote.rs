//! A refund as the graph shows it, quoted or stored.

use async_graphql::{Enum, SimpleObject};
use entities::returns::customer_return;
use resolvers::money::{CurrencyCode, Money};

use crate::rules::refund::Quote;

/// Where the money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "customer_return::RefundMethod")]
pub(crate) enum RefundMethod {
    OriginalPayment,
    /// The payment method can no longer be used.
    StoreCredit,
}

/// What the customer gets back, in the currency they paid in.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct RefundQuote {
    pub items: Money,
    pub tax: Money,
    /// Negative when deducted.
    pub shipping: Money,
    pub total: Money,
    /// The order's whole shipping comes back with this return.
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
