//! Loads an order's payment and shipping address from the orders subgraph on a customer's behalf, for background tasks.

use std::collections::HashMap;

use async_graphql::{Name, Value, Variables};
use platform::caller::Caller;
use platform::providers::easypost::Address;
use resolvers::client::Document;
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::order_facts::Amount;
use crate::rules::refund::Paid;
use crate::tasks::TaskError;

static DOCUMENT: Document = Document::new(
    "query($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on Order {
      paymentIntentId paymentMethod { usable }
      shippingAddress { name line1 line2 city region postalCode countryCode }
      items { id quantity lineTotal { amount currency } }
      subtotal { amount currency } shipping { amount currency }
      tax { amount currency } total { amount currency }
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

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_entities")]
    entities: Vec<Option<OrderPayment>>,
}

impl OrderPayment {
    /// Loads it on behalf of the customer who owns the order.
    pub(crate) async fn of(state: &State, customer: Uuid, order: Uuid) -> Result<Self, TaskError> {
        let caller = Caller::customer(IdKind::Customer.format(customer));
        let order = IdKind::Order.format(order);
        let representation = [
            (Name::new("__typename"), Value::from("Order")),
            (Name::new("id"), Value::from(order.as_str())),
        ];
        let mut variables = Variables::default();
        variables.insert(
            Name::new("representations"),
            Value::List(vec![Value::Object(representation.into_iter().collect())]),
        );
        let answer: Answer = state
            .orders
            .query(&caller, &DOCUMENT, variables)
            .await
            .map_err(|error| TaskError::Orders(error.to_string()))?;
        answer
            .entities
            .into_iter()
            .flatten()
            .next()
            .ok_or_else(|| TaskError::Orders(format!("there is no order {order}")))
    }

    /// The payment intent to refund, if its payment method is still usable.
    pub(crate) fn refundable(&self) -> Option<&str> {
        self.payment_intent_id
            .as_deref()
            .filter(|_| self.payment_method.usable)
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
            total: self.total.minor(currency)?,
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

    /// The package's sender.
    pub(crate) fn address(&self) -> Address {
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
        }
    }
}
