//! Loads what was paid for order items from the orders subgraph, with the caller's permissions and in one call per
//! request.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::dataloader::Loader;
use entities::returns::return_item::Returned;
use platform::caller::Caller;
use resolvers::client::{Document, SubgraphClient};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::representations::{Entities, representations};
use crate::rules::eligibility::{ItemFacts, OrderFacts, Restriction};
use crate::rules::refund::Paid;

/// Only items of the caller are answered.
static PURCHASE: Document = Document::new(
    "query($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on OrderItem {
      quantity restriction order { status deliveredAt totalUsd { amount } }
      productName product { id } lineTotal { amount currency }
      paid: order {
        id customer { id } subtotal { amount currency } shipping { amount currency }
        tax { amount currency } total { amount currency }
        refunds { status amount { amount currency } } shippingAddress { countryCode }
      } } } }",
);

/// An order item as the return rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderItemFacts {
    pub id: Uuid,
    /// Units bought.
    pub purchased: i64,
    pub restriction: Option<Restriction>,
    pub order: OrderFacts,
}

/// The order that an item belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderOfItem {
    pub id: Uuid,
    pub customer: Uuid,
}

/// An order item with what was paid for it: everything that determines a refund.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub item: OrderItemFacts,
    pub order: OrderOfItem,
    pub product: Uuid,
    /// The product's name at the time of purchase.
    pub product_name: Arc<str>,
    /// The price of all units, in minor units of the order's currency.
    pub total: i64,
    pub currency: CurrencyCode,
    /// Payment for the whole order.
    pub paid: Paid,
    /// Where the order was sent to, ISO 3166-1 alpha-2.
    pub country: Arc<str>,
}

impl OrderItemFacts {
    /// The rules' input if this many units are to be returned.
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

/// The orders subgraph, called on behalf of a request's caller.
pub(crate) struct Orders {
    pub client: SubgraphClient,
    /// Set before the first key is loaded.
    pub caller: Arc<OnceLock<Caller>>,
}

/// Purchases by order item; none for an item that is not the caller's.
pub(crate) struct PurchaseOfItem(pub Orders);

impl Loader<Uuid> for PurchaseOfItem {
    type Value = Purchase;
    type Error = ApiError;

    async fn load(&self, items: &[Uuid]) -> ApiResult<HashMap<Uuid, Purchase>> {
        let Self(Orders { client, caller }) = self;
        let caller = caller
            .get()
            .ok_or_else(|| ApiError::internal("order items were requested without a caller"))?;
        let items_of_kind = representations("OrderItem", IdKind::OrderItem, items);
        let answer: Entities<PurchaseAnswer> =
            client.query(caller, &PURCHASE, items_of_kind).await?;
        // Entities are returned in the order they were requested.
        items
            .iter()
            .zip(&answer.entities)
            .filter_map(|(id, item)| Some((*id, item.as_ref()?)))
            .map(|(id, item)| {
                // Not if the answer is inconsistent, such as ids of another kind or two currencies in one order.
                let purchase = item.purchase(id).map(|purchase| (id, purchase));
                purchase
                    .ok_or_else(|| ApiError::unavailable("Orders are not available at the moment"))
            })
            .collect()
    }
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
#[serde(rename_all = "camelCase")]
struct PaidAnswer {
    id: String,
    customer: Reference,
    subtotal: Amount,
    shipping: Amount,
    tax: Amount,
    total: Amount,
    refunds: Vec<SupportRefund>,
    shipping_address: Place,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    country_code: String,
}

/// A refund by support, apart from returns.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SupportRefund {
    status: String,
    amount: Amount,
}

impl SupportRefund {
    /// Their sum in minor units, if all are in this currency. What was refused was not refunded.
    pub(crate) fn sum(refunds: &[Self], currency: CurrencyCode) -> Option<i64> {
        let refunds = refunds.iter().filter(|refund| refund.status != "REFUSED");
        refunds.map(|refund| refund.amount.minor(currency)).sum()
    }
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
    /// The amount in minor units, if it is in this currency.
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
            country: self.paid.shipping_address.country_code.as_str().into(),
            paid: Paid {
                subtotal: self.paid.subtotal.minor(currency)?,
                shipping: self.paid.shipping.minor(currency)?,
                tax: self.paid.tax.minor(currency)?,
                total: self.paid.total.minor(currency)?
                    - SupportRefund::sum(&self.paid.refunds, currency)?,
            },
        })
    }
}
