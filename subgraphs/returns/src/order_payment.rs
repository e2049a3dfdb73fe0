//! Loads an order's payment and shipping address from the orders subgraph on a customer's behalf, for background tasks.

use std::collections::HashMap;

use platform::caller::Caller;
use platform::providers::easypost::Address;
use resolvers::client::Document;
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::order_facts::{Amount, SupportRefund};
use crate::representations::{Entities, representations};
use crate::rules::refund::{self, Paid};
use crate::tasks::TaskError;

static DOCUMENT: Document = Document::new(
    "query($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on Order {
      paymentIntentId paymentMethod { usable }
      shippingAddress { name line1 line2 city region postalCode countryCode }
      items { id quantity lineTotal { amount currency } }
      subtotal { amount currency } shipping { amount currency }
      tax { amount currency } total { amount currency } capturedAmount { amount currency } storeCreditUsed { amount currency }
      refunds { status amount { amount currency } }
    }
  }
}",
);

/// Order data needed for a refund and a label.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderPayment {
    /// `None` if it was not paid through the payment provider.
    pub payment_intent_id: Option<String>,
    payment_method: PaymentMethod,
    shipping_address: ShippingAddress,
    items: Vec<Item>,
    subtotal: Amount,
    shipping: Amount,
    tax: Amount,
    total: Amount,
    captured_amount: Amount,
    store_credit_used: Amount,
    refunds: Vec<SupportRefund>,
}

/// A line of the order as purchased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoughtLine {
    /// Units.
    pub quantity: i64,
    /// The price of all units, in minor units of the order's currency.
    pub total: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    quantity: i64,
    line_total: Amount,
}

#[derive(Clone, Debug, Deserialize)]
struct PaymentMethod {
    usable: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShippingAddress {
    name: String,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: String,
    country_code: String,
}

impl OrderPayment {
    /// Loads it on behalf of the customer who owns the order.
    pub(crate) async fn of(state: &State, customer: Uuid, order: Uuid) -> Result<Self, TaskError> {
        let caller = Caller::customer(IdKind::Customer.format(customer));
        let variables = representations("Order", IdKind::Order, &[order]);
        let answer: Entities<Self> = state
            .orders
            .query(&caller, &DOCUMENT, variables)
            .await
            .map_err(|error| TaskError::Orders(error.to_string()))?;
        answer.entities.into_iter().flatten().next().ok_or_else(|| {
            let order = IdKind::Order.format(order);
            TaskError::Orders(format!("there is no order {order}"))
        })
    }

    /// The payment intent to refund, if its payment method is still usable.
    pub(crate) fn refundable(&self) -> Option<&str> {
        self.payment_intent_id
            .as_deref()
            .filter(|_| self.payment_method.usable)
    }

    /// The part of this refund that is given as store credit, because store credit paid that part of the order. `None`
    /// if the amounts are inconsistent with this currency.
    pub(crate) fn credit_share(&self, refund: i64, currency: CurrencyCode) -> Option<i64> {
        let total = self.total.minor(currency)?;
        let credit = self.store_credit_used.minor(currency)?;
        Some(refund::credit_share(refund, credit, total))
    }

    /// The payment for the whole order, and its lines by id. `None` if the amounts are inconsistent with this
    /// currency.
    pub(crate) fn bought(
        &self,
        currency: CurrencyCode,
    ) -> Option<(Paid, HashMap<Uuid, BoughtLine>)> {
        let paid = Paid {
            subtotal: self.subtotal.minor(currency)?,
            shipping: self.shipping.minor(currency)?,
            tax: self.tax.minor(currency)?,
            // What can be refunded, by the payment method and as store credit.
            total: self
                .captured_amount
                .minor(currency)?
                .checked_add(self.store_credit_used.minor(currency)?)?
                .checked_sub(SupportRefund::sum(&self.refunds, currency)?)?,
        };
        let lines = self.items.iter().map(|item| {
            let line = BoughtLine {
                quantity: item.quantity,
                total: item.line_total.minor(currency)?,
            };
            Some((IdKind::OrderItem.parse(&item.id)?, line))
        });
        Some((paid, lines.collect::<Option<_>>()?))
    }

    /// The country that the order was sent to, ISO 3166-1 alpha-2.
    pub(crate) fn country(&self) -> &str {
        &self.shipping_address.country_code
    }

    /// Who the order was sent to.
    pub(crate) fn recipient(&self) -> &str {
        &self.shipping_address.name
    }

    /// The package's sender, who is called through the shop.
    pub(crate) fn address(&self, phone: &str) -> Address {
        let address = self.shipping_address.clone();
        Address {
            name: Some(address.name),
            company: None,
            street1: address.line1,
            street2: address.line2,
            city: address.city,
            state: address.region,
            zip: address.postal_code,
            country: address.country_code,
            phone: Some(phone.to_owned()),
        }
    }
}
