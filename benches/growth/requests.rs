//! The requests that are measured, about customers and products of the shop.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::compare::Loaded;
use crate::graph::{self, Graph};
use crate::load::{Connection, Page};

/// The customer who places every thirteenth order.
const LARGEST: u32 = 1;
/// Customers with some forty orders.
const USUAL: std::ops::Range<u32> = 2..12;
/// How long the search index may take to be ready, and how often to look.
const READY: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Units that a product must have to be ordered again and again.
const UNITS: i64 = 60;

const SEARCHES: [&str; 6] = [
    "wireless headphones",
    "auralis monitor",
    "running shoes",
    "smart thermostat",
    "kitchen knife",
    "board game",
];

const ACCOUNT: &str = "query Account { me { name orders(first: 20) { nodes { id status total { formatted } \
    totalUsd { amount } items { productName product { title imageUrl price(currency: EUR) { current { \
    amount { formatted } exchangeRate { freshness } } } } returnEligibility { eligible returnDeadline reasons \
    { code } } } shipments { carrier status estimatedDelivery } returns { status nextStep } } } \
    notificationPreferences { preferences { channel category enabled } } } }";

const DELIVERED: &str = "query Delivered { me { orders(first: 20, status: [DELIVERED]) { totalCount nodes { id \
    deliveredAt } } } }";

const MESSAGES: &str = "query Messages { me { unreadNotifications notifications(first: 20) { totalCount nodes { id \
    title } } } }";

const SEARCH: &str = "query Search($query: String!) { productSearch(query: $query, first: 20) { totalCount facets \
    { name buckets { value count } } nodes { id title imageUrl inStock price { current { amount { formatted } } } } } }";

const SUGGESTIONS: &str =
    "query Suggestions($prefix: String!) { searchSuggestions(prefix: $prefix) { text } }";

const PRODUCT: &str = "query Product($id: ID!) { product(id: $id) { title description availableQuantity price { current \
    { amount { formatted } } } priceHistory { changedAt base { formatted } } } }";

const TRACKING: &str = "query Tracking($id: ID!) { order(id: $id) { status shipments { carrier trackingNumber status \
    estimatedDelivery history { status location timestamp } } } }";

const PLACE: &str = "mutation Place($input: OrderPlaceInput!, $key: String!) { orderPlace(input: $input, \
    idempotencyKey: $key) { order { id status total { amount } } userErrors { code message } } }";

const CUSTOMER: &str = "{ me { orders(first: 20) { nodes { id shippingAddress { name line1 line2 city region postalCode \
    countryCode } shipments { id } } } } }";

const PRODUCTS: &str =
    "{ productSearch(query: \"headphones\", first: 100) { nodes { id availableQuantity } } }";

struct Customer {
    token: String,
    orders: Vec<Value>,
}

/// How much more a request may cost in the largest shop.
const MOST: f64 = 1.5;
/// The same of searches, which count all products that match.
const MOST_OF_SEARCHES: f64 = 5.0;

/// Requests of one kind, each with a number.
pub(crate) struct Kind<'a> {
    pub(crate) name: &'static str,
    /// How much more it may cost in the largest shop.
    pub(crate) most: f64,
    /// What a response must have, as a JSON pointer.
    pub(crate) expected: &'static str,
    make: Box<dyn Fn(usize) -> Page + 'a>,
}

impl Kind<'_> {
    pub(crate) fn request(&self, number: usize) -> Page {
        (self.make)(number)
    }
}

/// What the requests are about.
pub(crate) struct Requests {
    largest: Customer,
    customers: Vec<Customer>,
    /// In stock.
    products: Vec<Value>,
    /// Orders with a parcel, with the customer's token.
    sent: Vec<(Value, String)>,
    /// No two runs place an order with the same key.
    run: Uuid,
}

impl Requests {
    /// Reads what is needed, once the search index is ready.
    pub(crate) async fn of(graph: &Graph, data: &Path) -> anyhow::Result<Self> {
        let mut connection = Connection::open(graph.address()).await?;
        let products = products(&mut connection).await?;
        let largest = customer(&mut connection, data, LARGEST).await?;
        let (mut customers, mut sent) = (Vec::new(), Vec::new());
        for number in USUAL {
            let customer = customer(&mut connection, data, number).await?;
            let with_parcel = customer.orders.iter().filter(|order| {
                order["shipments"]
                    .as_array()
                    .is_some_and(|parcels| !parcels.is_empty())
            });
            sent.extend(with_parcel.map(|order| (order["id"].clone(), customer.token.clone())));
            customers.push(customer);
        }
        ensure!(!sent.is_empty(), "no order has a parcel");
        Ok(Self {
            largest,
            customers,
            products,
            sent,
            run: Uuid::new_v4(),
        })
    }

    pub(crate) fn kinds(&self) -> Vec<Kind<'_>> {
        let largest = Page::new(ACCOUNT, Some(&self.largest.token));
        let orders = "/data/me/orders/nodes";
        vec![
            kind("account page", orders, self.of_usual(ACCOUNT)),
            kind("of the largest customer", orders, move |_| largest.clone()),
            kind("orders in a status", orders, self.of_usual(DELIVERED)),
            kind(
                "messages",
                "/data/me/notifications/nodes",
                self.of_usual(MESSAGES),
            ),
            kind("product page", "/data/product/title", move |number| {
                let variables = json!({ "id": self.product(number) });
                Page::with_variables(PRODUCT, &variables, None)
            }),
            kind("tracking", "/data/order/shipments", move |number| {
                let (order, token) = &self.sent[number % self.sent.len()];
                Page::with_variables(TRACKING, &json!({ "id": order }), Some(token))
            }),
            kind(
                "placing an order",
                "/data/orderPlace/order/id",
                move |number| self.place(number),
            ),
            Kind {
                most: MOST_OF_SEARCHES,
                ..kind("search", "/data/productSearch/nodes", |number| {
                    let variables = json!({ "query": SEARCHES[number % SEARCHES.len()] });
                    Page::with_variables(SEARCH, &variables, None)
                })
            },
            Kind {
                most: MOST_OF_SEARCHES,
                ..kind("suggestions", "/data/searchSuggestions", |number| {
                    let prefix = SEARCHES[number % SEARCHES.len()].get(..3);
                    Page::with_variables(SUGGESTIONS, &json!({ "prefix": prefix }), None)
                })
            },
        ]
    }

    /// This query by one customer after the other.
    fn of_usual(&self, query: &'static str) -> impl Fn(usize) -> Page {
        move |number| Page::new(query, Some(&self.usual(number).token))
    }

    fn place(&self, number: usize) -> Page {
        let customer = self.usual(number);
        let variables = json!({
            "key": format!("growth-{}-{number}", self.run),
            "input": {
                "items": [{ "productId": self.product(number), "quantity": 1 }],
                "shippingAddress": customer.orders[0]["shippingAddress"],
                "paymentMethodToken": "pm_card_visa",
            },
        });
        Page::with_variables(PLACE, &variables, Some(&customer.token))
    }

    fn usual(&self, number: usize) -> &Customer {
        &self.customers[number % self.customers.len()]
    }

    fn product(&self, number: usize) -> &Value {
        &self.products[number % self.products.len()]
    }
}

fn kind<'a>(
    name: &'static str,
    expected: &'static str,
    make: impl Fn(usize) -> Page + 'a,
) -> Kind<'a> {
    Kind {
        name,
        most: MOST,
        expected,
        make: Box::new(make),
    }
}

/// A customer with their newest orders.
async fn customer(
    connection: &mut Connection,
    data: &Path,
    number: u32,
) -> anyhow::Result<Customer> {
    let email = format!("customer{number}@vantage.example");
    let token = graph::run(data, &["token", "--customer", &email]).await?;
    let body = Page::new(CUSTOMER, Some(&token)).fetch(connection).await?;
    let answer: Value = serde_json::from_slice(&body)?;
    let orders = answer["data"]["me"]["orders"]["nodes"].as_array();
    let orders = orders.context("no orders")?.clone();
    ensure!(!orders.is_empty(), "{email} has no order");
    Ok(Customer { token, orders })
}

/// Products with many units, once they can be found.
async fn products(connection: &mut Connection) -> anyhow::Result<Vec<Value>> {
    let begun = Instant::now();
    loop {
        if let Ok(body) = Page::new(PRODUCTS, None).fetch(connection).await {
            let answer: Value = serde_json::from_slice(&body)?;
            let found = answer["data"]["productSearch"]["nodes"].as_array();
            let stocked = found.into_iter().flatten().filter(|product| {
                let units = product["availableQuantity"].as_i64();
                units.is_some_and(|units| units >= UNITS)
            });
            let stocked: Vec<Value> = stocked.map(|product| product["id"].clone()).collect();
            if !stocked.is_empty() {
                return Ok(stocked);
            }
        }
        ensure!(begun.elapsed() < READY, "no product is in stock");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
