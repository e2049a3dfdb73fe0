//! What this domain asks the orders subgraph: the facts of order items, all of a request in one
//! call, as the caller is allowed to see them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::dataloader::Loader;
use async_graphql::{Name, Value, Variables};
use entities::returns::return_item::Returned;
use platform::caller::Caller;
use resolvers::client::{Document, SubgraphClient};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::rules::eligibility::{ItemFacts, OrderFacts, Restriction};
use crate::rules::refund::Paid;

/// What the rules ask of an item, as the orders domain's schema has it, and no more: an account page asks it of every
/// item it shows. Which items they are is known, and that they are the caller's: others are not answered.
macro_rules! facts {
    () => {
        "quantity restriction order { status deliveredAt totalUsd { amount } }"
    };
}

static FACTS: Document = Document::new(concat!(
    "query($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on OrderItem { ",
    facts!(),
    " } } }"
));

static PURCHASE: Document = Document::new(concat!(
    "query($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on OrderItem { ",
    facts!(),
    " productName product { id } lineTotal { amount currency }
      paid: order {
        id customer { id } subtotal { amount currency } shipping { amount currency }
        tax { amount currency } total { amount currency }
      } } } }"
));

/// An order item as the rules of returns judge it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderItemFacts {
    pub id: Uuid,
    /// Units bought.
    pub purchased: i64,
    pub restriction: Option<Restriction>,
    pub order: OrderFacts,
}

/// The order an item is part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderOfItem {
    pub id: Uuid,
    pub customer: Uuid,
}

/// An order item, and what was paid for it: all that a refund is computed from.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub item: OrderItemFacts,
    pub order: OrderOfItem,
    pub product: Uuid,
    /// As it was called when it was bought.
    pub product_name: Arc<str>,
    /// The price of all its units, in minor units of the order's currency.
    pub total: i64,
    pub currency: CurrencyCode,
    /// For the whole order.
    pub paid: Paid,
}

impl OrderItemFacts {
    /// What the rules ask when this many units are to come back.
    pub(crate) fn item_facts(&self, requested: i64, returned: Returned) -> ItemFacts {
        ItemFacts {
            id: self.id,
            restriction: self.restriction,
            purchased: self.purchased,
            returned: returned.units,
            requested,
        }
    }
}

/// The orders subgraph, asked on behalf of a request's caller.
#[derive(Clone)]
pub(crate) struct Orders {
    pub client: SubgraphClient,
    /// Known before the first key is.
    pub caller: Arc<OnceLock<Caller>>,
}

/// Facts by order item; an item that is not the caller's has none.
pub(crate) struct FactsOfItem(pub Orders);

/// Purchases by order item; an item that is not the caller's has none.
pub(crate) struct PurchaseOfItem(pub Orders);

impl Loader<Uuid> for FactsOfItem {
    type Value = OrderItemFacts;
    type Error = ApiError;

    async fn load(&self, keys: &[Uuid]) -> ApiResult<HashMap<Uuid, OrderItemFacts>> {
        let read = |id, answer: &FactsAnswer| Some(answer.facts(id));
        let found = self.0.items(&FACTS, keys, read).await?;
        Ok(found.into_iter().map(|facts| (facts.id, facts)).collect())
    }
}

impl Loader<Uuid> for PurchaseOfItem {
    type Value = Purchase;
    type Error = ApiError;

    async fn load(&self, keys: &[Uuid]) -> ApiResult<HashMap<Uuid, Purchase>> {
        let read = |id, answer: &PurchaseAnswer| answer.purchase(id);
        let found = self.0.items(&PURCHASE, keys, read);
        Ok(found
            .await?
            .into_iter()
            .map(|purchase| (purchase.item.id, purchase))
            .collect())
    }
}

impl Orders {
    /// Those of the items that the caller may see. `read` gives nothing for an answer that makes no
    /// sense: ids of another kind, two currencies in one order.
    async fn items<A: DeserializeOwned, T>(
        &self,
        document: &Document,
        items: &[Uuid],
        read: impl Fn(Uuid, &A) -> Option<T>,
    ) -> ApiResult<Vec<T>> {
        let caller = self
            .caller
            .get()
            .ok_or_else(|| ApiError::internal("order items were asked for without a caller"))?;
        let answer: Answer<A> = self
            .client
            .query(caller, document, representations(items))
            .await?;
        // Entities come in the order they were asked for.
        items
            .iter()
            .zip(&answer.entities)
            .filter_map(|(id, item)| Some((*id, item.as_ref()?)))
            .map(|(id, item)| {
                read(id, item).ok_or_else(|| {
                    ApiError::unavailable("The orders that this needs cannot be read at the moment")
                })
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
struct Answer<A> {
    #[serde(rename = "_entities")]
    entities: Vec<Option<A>>,
}

#[derive(Deserialize)]
struct FactsAnswer {
    quantity: i64,
    restriction: Option<String>,
    order: OrderAnswer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderAnswer {
    status: String,
    delivered_at: Option<DateTime>,
    total_usd: AmountUsd,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PurchaseAnswer {
    #[serde(flatten)]
    facts: FactsAnswer,
    product_name: String,
    product: Reference,
    line_total: Amount,
    paid: PaidAnswer,
}

#[derive(Deserialize)]
struct PaidAnswer {
    id: String,
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

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Amount {
    amount: Decimal,
    pub(crate) currency: CurrencyCode,
}

impl Amount {
    /// In minor units, if it is of this currency.
    pub(crate) fn minor(&self, currency: CurrencyCode) -> Option<i64> {
        let money = Money::from_decimal(self.amount, self.currency, Rounding::Up)?;
        (self.currency == currency).then_some(money.minor)
    }
}

impl FactsAnswer {
    fn facts(&self, id: Uuid) -> OrderItemFacts {
        let order = &self.order;
        OrderItemFacts {
            id,
            purchased: self.quantity,
            restriction: self.restriction.as_deref().map(Restriction::from_name),
            order: OrderFacts {
                delivered_at: order
                    .delivered_at
                    .filter(|_| order.status == "DELIVERED")
                    .map(|time| time.0),
                total_usd: order.total_usd.amount,
            },
        }
    }
}

impl PurchaseAnswer {
    fn purchase(&self, id: Uuid) -> Option<Purchase> {
        let currency = self.paid.total.currency;
        Some(Purchase {
            item: self.facts.facts(id),
            order: OrderOfItem {
                id: IdKind::Order.parse(&self.paid.id)?,
                customer: IdKind::Customer.parse(&self.paid.customer.id)?,
            },
            product: IdKind::Product.parse(&self.product.id)?,
            product_name: self.product_name.as_str().into(),
            total: self.line_total.minor(currency)?,
            currency,
            paid: Paid {
                subtotal: self.paid.subtotal.minor(currency)?,
                shipping: self.paid.shipping.minor(currency)?,
                tax: self.paid.tax.minor(currency)?,
                total: self.paid.total.minor(currency)?,
            },
        })
    }
}
