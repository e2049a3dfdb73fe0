//! A fake orders subgraph with the fields the returns domain uses. Counts its calls and can fail.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use async_graphql::{Context, EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};
use chrono::{DateTime as Time, Utc};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::subgraph::Subgraph;
use resolvers::{ApiError, ApiResult, access};
use serde_json::{Value, json};
use uuid::Uuid;

/// An order in the fake; money in minor units of `currency`.
#[derive(Clone)]
pub(crate) struct FakeOrder {
    pub id: Uuid,
    pub customer: Uuid,
    pub delivered_at: Option<Time<Utc>>,
    pub total_usd: i64,
    pub currency: CurrencyCode,
    pub shipping: i64,
    pub tax: i64,
    pub items: Vec<FakeItem>,
}

#[derive(Clone)]
pub(crate) struct FakeItem {
    pub id: Uuid,
    pub quantity: i32,
    pub line_total: i64,
    pub restriction: Option<&'static str>,
}

impl FakeOrder {
    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    pub(crate) fn subtotal(&self) -> i64 {
        self.items.iter().map(|item| item.line_total).sum()
    }

    /// The captured amount.
    pub(crate) fn total(&self) -> i64 {
        self.subtotal() + self.tax + self.shipping
    }

    /// Representations of its items as the router sends them, with what eligibility requires of the orders subgraph.
    pub(crate) fn representations(&self) -> Vec<Value> {
        let total = Money::new(self.total_usd, CurrencyCode::Usd).decimal();
        let items = self.items.iter().map(|item| {
            json!({
                "__typename": "OrderItem",
                "id": IdKind::OrderItem.format(item.id),
                "quantity": item.quantity,
                "restriction": item.restriction,
                "orderDeliveredAt": self.delivered_at.map(|time| time.to_rfc3339()),
                "orderTotalUsd": total.to_string(),
            })
        });
        items.collect()
    }
}

/// The fake's controls.
#[derive(Clone, Default)]
pub(crate) struct Orders {
    calls: Arc<AtomicU64>,
    down: Arc<AtomicBool>,
    payment_unusable: Arc<AtomicBool>,
    address_unknown: Arc<AtomicBool>,
    store_credit: Arc<AtomicI64>,
    abroad: Arc<AtomicBool>,
    refunded: Arc<AtomicI64>,
}

impl Orders {
    pub(crate) fn mend(&self) {
        self.down.store(false, Ordering::Relaxed);
    }

    /// Makes all payment methods unusable from now on.
    pub(crate) fn close_payment_methods(&self) {
        self.payment_unusable.store(true, Ordering::Relaxed);
    }

    /// Makes all orders have been paid in part with this much store credit.
    pub(crate) fn pay_with_credit(&self, amount: i64) {
        self.store_credit.store(amount, Ordering::Relaxed);
    }

    /// Makes support have refunded this much of all orders, and more that was refused.
    pub(crate) fn refund(&self, amount: i64) {
        self.refunded.store(amount, Ordering::Relaxed);
    }

    fn country(&self) -> String {
        match self.abroad.load(Ordering::Relaxed) {
            true => "CA".to_owned(),
            false => "US".to_owned(),
        }
    }

    fn refunds(&self, order: &FakeOrder) -> Vec<OrderRefund> {
        let refund = |status: &str, amount| OrderRefund {
            status: status.to_owned(),
            amount: order.money(amount),
        };
        let refunded = self.refunded.load(Ordering::Relaxed);
        vec![refund("ISSUED", refunded), refund("REFUSED", 1_000)]
    }

    /// Makes all addresses invalid from now on.
    pub(crate) fn lose_addresses(&self) {
        self.address_unknown.store(true, Ordering::Relaxed);
    }

    /// Moves all addresses to Canada from now on.
    pub(crate) fn move_abroad(&self) {
        self.abroad.store(true, Ordering::Relaxed);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn fail(&self) {
        self.down.store(true, Ordering::Relaxed);
    }

    pub(crate) fn subgraph(&self, orders: Vec<FakeOrder>) -> Subgraph {
        let mut items = HashMap::new();
        let mut owners = HashMap::new();
        for order in orders {
            owners.insert(order.id, order.clone());
            for item in &order.items {
                items.insert(item.id, (order.clone(), item.clone()));
            }
        }
        let query = Query {
            items,
            owners,
            orders: self.clone(),
        };
        let schema = Schema::build(query, EmptyMutation, EmptySubscription)
            .enable_federation()
            .finish();
        let calls = self.calls.clone();
        Subgraph::new("orders", schema, move |_| {
            calls.fetch_add(1, Ordering::Relaxed);
        })
    }
}

struct Query {
    items: HashMap<Uuid, (FakeOrder, FakeItem)>,
    owners: HashMap<Uuid, FakeOrder>,
    orders: Orders,
}

#[Object]
impl Query {
    #[graphql(entity)]
    async fn order_item(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<OrderItem>> {
        if self.orders.down.load(Ordering::Relaxed) {
            return Err(ApiError::internal("the fake is down"));
        }
        let visitor = access::visitor(context)?;
        Ok(IdKind::OrderItem
            .parse(&id)
            .and_then(|id| self.items.get(&id))
            .filter(|(order, _)| visitor == Some(order.customer))
            .map(|(order, item)| OrderItem::new(order, item, &self.orders)))
    }

    #[graphql(entity)]
    async fn order(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<PaidOrder>> {
        if self.orders.down.load(Ordering::Relaxed) {
            return Err(ApiError::internal("the fake is down"));
        }
        let visitor = access::visitor(context)?;
        let order = IdKind::Order.parse(&id).and_then(|id| self.owners.get(&id));
        let is_known = !self.orders.address_unknown.load(Ordering::Relaxed);
        let street = if is_known { "1 Demo Street" } else { "" };
        Ok(order
            .filter(|order| visitor == Some(order.customer))
            .map(|order| PaidOrder {
                items: order
                    .items
                    .iter()
                    .map(|item| Line::new(order, item))
                    .collect(),
                subtotal: order.money(order.subtotal()),
                shipping: order.money(order.shipping),
                tax: order.money(order.tax),
                total: order.money(order.total()),
                store_credit_used: order.money(self.orders.store_credit.load(Ordering::Relaxed)),
                captured_amount: order
                    .money(order.total() - self.orders.store_credit.load(Ordering::Relaxed)),
                refunds: self.orders.refunds(order),
                payment_intent_id: Some(format!("pi_{}", *id)),
                id,
                payment_method: PaymentMethod {
                    usable: !self.orders.payment_unusable.load(Ordering::Relaxed),
                },
                shipping_address: Address {
                    name: "Ada".to_owned(),
                    line1: street.to_owned(),
                    line2: None,
                    city: "Brooklyn".to_owned(),
                    region: Some("NY".to_owned()),
                    postal_code: "11201".to_owned(),
                    country_code: self.orders.country(),
                },
            }))
    }
}

/// An order with the fields used by labels and refunds.
#[derive(SimpleObject)]
#[graphql(name = "Order")]
struct PaidOrder {
    id: ID,
    payment_intent_id: Option<String>,
    payment_method: PaymentMethod,
    shipping_address: Address,
    items: Vec<Line>,
    subtotal: Money,
    shipping: Money,
    tax: Money,
    total: Money,
    store_credit_used: Money,
    captured_amount: Money,
    refunds: Vec<OrderRefund>,
}

#[derive(SimpleObject)]
struct OrderRefund {
    status: String,
    amount: Money,
}

/// A line of such an order.
#[derive(SimpleObject)]
struct Line {
    id: ID,
    quantity: i32,
    line_total: Money,
}

impl Line {
    fn new(order: &FakeOrder, item: &FakeItem) -> Self {
        Self {
            id: IdKind::OrderItem.id(item.id),
            quantity: item.quantity,
            line_total: order.money(item.line_total),
        }
    }
}

#[derive(SimpleObject)]
struct PaymentMethod {
    usable: bool,
}

#[derive(SimpleObject)]
struct Address {
    name: String,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: String,
    country_code: String,
}

#[derive(SimpleObject)]
struct OrderItem {
    id: ID,
    quantity: i32,
    restriction: Option<String>,
    product_name: String,
    product: Product,
    line_total: Money,
    order: Order,
}

#[derive(SimpleObject)]
#[graphql(name = "OrderOfItem")]
struct Order {
    id: ID,
    status: String,
    delivered_at: Option<DateTime>,
    total_usd: Money,
    customer: Customer,
    subtotal: Money,
    shipping: Money,
    tax: Money,
    total: Money,
    refunds: Vec<OrderRefund>,
    shipping_address: Country,
}

#[derive(SimpleObject)]
struct Country {
    country_code: String,
}

#[derive(SimpleObject)]
struct Product {
    id: ID,
}

#[derive(SimpleObject)]
struct Customer {
    id: ID,
}

impl OrderItem {
    fn new(order: &FakeOrder, item: &FakeItem, orders: &Orders) -> Self {
        let money = |minor| order.money(minor);
        let status = if order.delivered_at.is_some() {
            "DELIVERED"
        } else {
            "SHIPPED"
        };
        Self {
            id: IdKind::OrderItem.id(item.id),
            quantity: item.quantity,
            restriction: item.restriction.map(str::to_owned),
            product_name: "4K Monitor Pro 32 inch".to_owned(),
            product: Product {
                id: IdKind::Product.id(Uuid::from_u128(item.id.as_u128() * 10)),
            },
            line_total: money(item.line_total),
            order: Order {
                id: IdKind::Order.id(order.id),
                status: status.to_owned(),
                delivered_at: order.delivered_at.map(DateTime),
                total_usd: Money::new(order.total_usd, CurrencyCode::Usd),
                customer: Customer {
                    id: IdKind::Customer.id(order.customer),
                },
                subtotal: money(order.subtotal()),
                shipping: money(order.shipping),
                tax: money(order.tax),
                total: money(order.total()),
                refunds: orders.refunds(order),
                shipping_address: Country {
                    country_code: orders.country(),
                },
            },
        }
    }
}
