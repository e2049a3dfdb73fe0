//! What this domain asks the orders subgraph: the facts of order items, all of a request in one
//! call, as the caller is allowed to see them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::dataloader::Loader;
use async_graphql::{Name, Value, Variables};
use entities::returns::return_item::Returned;
use platform::caller::Caller;
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::rules::eligibility::{ItemFacts, OrderFacts, Restriction};
use crate::rules::refund::Paid;

const DOCUMENT: &str = "query($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on OrderItem {
      id quantity restriction productName product { id } lineTotal { amount currency }
      order {
        id status deliveredAt totalUsd { amount } customer { id }
        subtotal { amount currency } shipping { amount currency }
        tax { amount currency } total { amount currency }
      }
    }
  }
}";

/// An order item as the rules need it.
#[derive(Clone, Debug)]
pub(crate) struct OrderItemFacts {
    pub id: Uuid,
    pub product: Uuid,
    /// As it was called when it was bought.
    pub product_name: Arc<str>,
    /// Units bought.
    pub purchased: i64,
    pub restriction: Option<Restriction>,
    /// The price of all its units, in minor units of the order's currency.
    pub total: i64,
    pub order: OrderOfItem,
}

/// The order an item is part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderOfItem {
    pub id: Uuid,
    pub customer: Uuid,
    pub currency: CurrencyCode,
    pub paid: Paid,
    pub facts: OrderFacts,
}

impl OrderItemFacts {
    /// What the rules ask when this many units are to come back.
    pub(crate) fn wanted(&self, wanted: i64, returned: Returned) -> ItemFacts {
        ItemFacts {
            id: self.id,
            restriction: self.restriction,
            purchased: self.purchased,
            returned: returned.units,
            wanted,
        }
    }
}

/// Facts by order item; an item that is not the caller's has none.
pub(crate) struct FactsOfItem {
    pub orders: SubgraphClient,
    /// The caller of this request, known before the first key is.
    pub caller: Arc<OnceLock<Caller>>,
}

impl Loader<Uuid> for FactsOfItem {
    type Value = OrderItemFacts;
    type Error = ApiError;

    async fn load(&self, keys: &[Uuid]) -> ApiResult<HashMap<Uuid, OrderItemFacts>> {
        let caller = self
            .caller
            .get()
            .ok_or_else(|| ApiError::internal("order items were asked for without a caller"))?;
        let answer: Answer = self
            .orders
            .query(caller, DOCUMENT, representations(keys))
            .await?;
        answer
            .entities
            .into_iter()
            .flatten()
            .map(|item| {
                let facts = item.facts().ok_or_else(|| {
                    ApiError::unavailable("The orders that this needs cannot be read at the moment")
                })?;
                Ok((facts.id, facts))
            })
            .collect()
    }
}

fn representations(items: &[Uuid]) -> Variables {
    let representations = items
        .iter()
        .map(|item| {
            Value::Object(
                [
                    (Name::new("__typename"), Value::from("OrderItem")),
                    (
                        Name::new("id"),
                        Value::from(IdKind::OrderItem.format(*item)),
                    ),
                ]
                .into_iter()
                .collect(),
            )
        })
        .collect();
    let mut variables = Variables::default();
    variables.insert(Name::new("representations"), Value::List(representations));
    variables
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_entities")]
    entities: Vec<Option<ItemAnswer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemAnswer {
    id: String,
    quantity: i64,
    restriction: Option<String>,
    product_name: String,
    product: Reference,
    line_total: Amount,
    order: OrderAnswer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderAnswer {
    id: String,
    status: String,
    delivered_at: Option<DateTime>,
    total_usd: AmountUsd,
    customer: Reference,
    subtotal: Amount,
    shipping: Amount,
    tax: Amount,
    total: Amount,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

#[derive(Deserialize)]
struct AmountUsd {
    amount: Decimal,
}

#[derive(Deserialize)]
struct Amount {
    amount: Decimal,
    currency: CurrencyCode,
}

impl Amount {
    /// In minor units, if it is of this currency.
    fn minor(&self, currency: CurrencyCode) -> Option<i64> {
        let money = Money::from_decimal(self.amount, self.currency, Rounding::Up)?;
        (self.currency == currency).then_some(money.minor)
    }
}

impl ItemAnswer {
    /// `None` when the answer makes no sense: ids of another kind, two currencies in one order.
    fn facts(&self) -> Option<OrderItemFacts> {
        let order = &self.order;
        let currency = order.total.currency;
        Some(OrderItemFacts {
            id: IdKind::OrderItem.parse(&self.id)?,
            product: IdKind::Product.parse(&self.product.id)?,
            product_name: self.product_name.as_str().into(),
            purchased: self.quantity,
            restriction: self.restriction.as_deref().map(Restriction::from_name),
            total: self.line_total.minor(currency)?,
            order: OrderOfItem {
                id: IdKind::Order.parse(&order.id)?,
                customer: IdKind::Customer.parse(&order.customer.id)?,
                currency,
                paid: Paid {
                    subtotal: order.subtotal.minor(currency)?,
                    shipping: order.shipping.minor(currency)?,
                    tax: order.tax.minor(currency)?,
                    total: order.total.minor(currency)?,
                },
                facts: OrderFacts {
                    delivered_at: order
                        .delivered_at
                        .filter(|_| order.status == "DELIVERED")
                        .map(|time| time.0),
                    total_usd: order.total_usd.amount,
                },
            },
        })
    }
}
