//! What the journeys are about: products, customers, orders and what can be returned, found through the target's API
//! before a run.

use std::collections::VecDeque;

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use rand::RngExt;
use serde_json::{Value, json};

use super::failure::Failure;
use super::graphql::GraphqlClient;
use super::operations::{CATALOG, CUSTOMER, REASONS};
use super::scenario::{Scenario, Scenarios};

/// Products whose words are searched for.
const PRODUCTS: u32 = 100;
/// Customers that are read at a time.
const AT_ONCE: usize = 8;

/// A product of the catalog.
pub(super) struct Product {
    pub(super) id: String,
    /// The words of its title that are worth searching for.
    pub(super) words: Vec<String>,
    pub(super) category: String,
    pub(super) in_stock: bool,
}

/// A customer who is signed in.
pub(super) struct Customer {
    pub(super) token: String,
    /// The ids of their newest orders.
    pub(super) orders: Vec<String>,
    /// Where their newest order was sent whose address is stored.
    pub(super) address: Option<Value>,
}

/// A unit of an order that can be returned.
#[derive(Clone, Debug)]
pub(super) struct Returnable {
    /// The position of its customer.
    pub(super) customer: usize,
    pub(super) order: String,
    pub(super) item: String,
}

/// The shop as the journeys know it.
pub(super) struct Shop {
    currencies: Vec<String>,
    products: Vec<Product>,
    pub(super) customers: Vec<Customer>,
    /// Reasons for returns.
    pub(super) reasons: Vec<String>,
    /// Those that no journey is returning.
    returnables: Mutex<VecDeque<Returnable>>,
}

impl Shop {
    /// Reads what the scenarios require, or says what is missing.
    pub(super) async fn discover(
        client: &GraphqlClient,
        scenarios: &Scenarios,
        tokens: Vec<String>,
    ) -> anyhow::Result<Self> {
        let runs = |one: Scenario| scenarios.names().any(|name| name == one);
        let variables = json!({ "first": PRODUCTS });
        let catalog = client.send(&CATALOG, &variables, None).await;
        let catalog = catalog.context("the catalog cannot be read")?;
        let products = products(&catalog);
        if runs(Scenario::Browse) || runs(Scenario::Checkout) {
            ensure!(
                !products.is_empty(),
                "the catalog is empty: run `vantage seed` or `vantage catalog import`, or choose other scenarios"
            );
        }
        let reasons = if runs(Scenario::Returns) {
            let data = client.send(&REASONS, &json!({}), None).await;
            let data = data.context("the reasons for returns cannot be read")?;
            texts(&data["returnReasons"], "code")
        } else {
            Vec::new()
        };
        let mut shop = Self {
            currencies: texts(&catalog["currencies"], "code"),
            products,
            customers: Vec::new(),
            reasons,
            returnables: Mutex::default(),
        };
        shop.add_customers(client, tokens).await?;
        shop.check(&runs)?;
        Ok(shop)
    }

    async fn add_customers(
        &mut self,
        client: &GraphqlClient,
        tokens: Vec<String>,
    ) -> anyhow::Result<()> {
        let read = tokens.into_iter().map(|token| async move {
            let data = client
                .send(&CUSTOMER, &json!({}), Some(token.as_str()))
                .await;
            data.map(|mut data| (token, data["me"].take()))
        });
        let read: Vec<(String, Value)> = stream::iter(read)
            .buffered(AT_ONCE)
            .try_collect()
            .await
            .map_err(|failure: Failure| {
            anyhow::Error::new(failure)
                .context("a customer cannot be read; are the tokens valid for this target?")
        })?;
        for (token, me) in read {
            ensure!(
                me.is_object(),
                "a token belongs to no customer of the target: use tokens whose subject is a customer's id"
            );
            let orders = me["orders"]["nodes"].as_array();
            let orders = orders.map(Vec::as_slice).unwrap_or_default();
            let address = address(orders);
            if address.is_none() && !orders.is_empty() {
                // They were erased, and order nothing any more.
                continue;
            }
            let position = self.customers.len();
            let returnables = orders.iter().flat_map(|order| returnables(position, order));
            self.returnables.get_mut().extend(returnables);
            self.customers.push(Customer {
                token,
                orders: texts(&me["orders"]["nodes"], "id"),
                address,
            });
        }
        Ok(())
    }

    /// Whether everything that the scenarios require is there.
    fn check(&self, runs: &impl Fn(Scenario) -> bool) -> anyhow::Result<()> {
        let with_orders = self.customers.iter().any(|one| !one.orders.is_empty());
        for scenario in [Scenario::Account, Scenario::Checkout, Scenario::Tracking] {
            ensure!(
                !runs(scenario) || with_orders,
                "{scenario} requires customers with orders, and none of them has one: run `vantage seed`, use tokens of \
                 other customers, or choose other scenarios"
            );
        }
        ensure!(
            !runs(Scenario::Checkout) || self.products.iter().any(|product| product.in_stock),
            "none of the first {PRODUCTS} products is in stock: receive some with `vantage stock import`, or choose other \
             scenarios"
        );
        if runs(Scenario::Returns) {
            ensure!(
                !self.reasons.is_empty(),
                "the shop has no reasons for returns"
            );
            ensure!(
                !self.returnables.lock().is_empty(),
                "returns require delivered items that can still be returned, and no customer has one: run `vantage seed` \
                 into a new data directory, raise --customers, or choose other scenarios"
            );
        }
        Ok(())
    }

    pub(super) fn product(&self) -> Option<&Product> {
        pick(&self.products)
    }

    /// The category of a product that was in stock.
    pub(super) fn stocked_category(&self) -> Option<&str> {
        let stocked: Vec<_> = self
            .products
            .iter()
            .filter(|product| product.in_stock)
            .collect();
        pick(&stocked).map(|product| product.category.as_str())
    }

    /// A currency that prices can be shown in.
    pub(super) fn currency(&self) -> Option<&str> {
        pick(&self.currencies).map(String::as_str)
    }

    /// The position of the customer whose turn it is, of those with orders.
    pub(super) fn customer(&self, journey: u64) -> Option<usize> {
        let count = self.customers.len();
        let first = usize::try_from(journey % u64::try_from(count.max(1)).ok()?).ok()?;
        let mut positions = (first..count).chain(0..first);
        positions.find(|position| !self.customers[*position].orders.is_empty())
    }

    /// A unit that no other journey is returning, until it is given back.
    pub(super) fn take_returnable(&self) -> Option<Returnable> {
        self.returnables.lock().pop_front()
    }

    pub(super) fn give_back(&self, returnable: Returnable) {
        self.returnables.lock().push_back(returnable);
    }
}

/// One of them at random.
pub(super) fn pick<T>(all: &[T]) -> Option<&T> {
    if all.is_empty() {
        return None;
    }
    all.get(rand::rng().random_range(0..all.len()))
}

fn products(catalog: &Value) -> Vec<Product> {
    let nodes = catalog["productSearch"]["nodes"].as_array();
    let products = nodes.into_iter().flatten().filter_map(|node| {
        let title = node["title"].as_str()?;
        let words = title.split(|c: char| !c.is_alphanumeric());
        let mut words: Vec<_> = words
            .filter(|word| word.chars().count() > 2)
            .map(str::to_owned)
            .collect();
        if words.is_empty() {
            words.push(title.to_owned());
        }
        Some(Product {
            id: node["id"].as_str()?.to_owned(),
            words,
            category: node["category"].as_str()?.to_owned(),
            in_stock: node["inStock"] == true,
        })
    });
    products.collect()
}

/// Where the newest of these orders was sent whose address is still stored.
fn address(orders: &[Value]) -> Option<Value> {
    let mut addresses = orders.iter().map(|order| &order["shippingAddress"]);
    let stored = addresses.find(|address| {
        address["line1"]
            .as_str()
            .is_some_and(|line| !line.is_empty())
    });
    stored.cloned()
}

/// The units of an order that can be returned, each item once.
fn returnables(customer: usize, order: &Value) -> Vec<Returnable> {
    let items = order["items"].as_array().into_iter().flatten();
    let items = items.filter(|item| {
        let judged = &item["returnEligibility"];
        judged["eligible"] == true && judged["returnableQuantity"].as_u64() >= Some(1)
    });
    let returnables = items.filter_map(|item| {
        Some(Returnable {
            customer,
            order: order["id"].as_str()?.to_owned(),
            item: item["id"].as_str()?.to_owned(),
        })
    });
    // Returns of one order change each other's quotes, so that there is one at a time.
    returnables.take(1).collect()
}

/// The texts under a name in a list of objects.
fn texts(list: &Value, name: &str) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| Some(one[name].as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_known_by_the_words_of_their_titles() {
        let catalog = json!({ "productSearch": { "nodes": [
            { "id": "prd_1", "title": "4K Monitor, 32 inch", "category": "monitors" },
            { "id": "prd_2", "title": "TV", "category": "monitors" },
            { "title": "without an id" },
        ] } });
        let products = products(&catalog);
        assert_eq!(products.len(), 2);
        assert_eq!(products[0].words, ["Monitor", "inch"]);
        assert_eq!(products[1].words, ["TV"]);
        assert_eq!(super::products(&json!({ "productSearch": null })).len(), 0);
    }

    #[test]
    fn an_erased_address_is_none() {
        let order = |line: &str| json!({ "shippingAddress": { "line1": line } });
        let (erased, stored) = (order(""), order("1 Main St"));
        assert_eq!(address(std::slice::from_ref(&erased)), None);
        assert_eq!(address(&[]), None);
        let found = address(&[erased, stored]).unwrap();
        assert_eq!(found["line1"], "1 Main St");
    }

    #[test]
    fn an_order_is_returned_by_one_journey_at_a_time() {
        let item = |id: &str, eligible: bool, quantity: u32| {
            let judged = json!({ "eligible": eligible, "returnableQuantity": quantity });
            json!({ "id": id, "returnEligibility": judged })
        };
        let items = [
            item("oi_1", false, 1),
            item("oi_2", true, 0),
            item("oi_3", true, 1),
        ];
        let order = json!({ "id": "ord_1", "items": items });
        let found = returnables(7, &order);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].customer, found[0].item.as_str()), (7, "oi_3"));
    }

    #[test]
    fn customers_take_turns_and_those_without_orders_are_skipped() {
        let customer = |orders: &[&str]| Customer {
            token: String::new(),
            orders: orders.iter().map(|id| (*id).to_owned()).collect(),
            address: None,
        };
        let mut shop = Shop {
            currencies: Vec::new(),
            products: Vec::new(),
            customers: vec![customer(&["a"]), customer(&[]), customer(&["b"])],
            reasons: Vec::new(),
            returnables: Mutex::default(),
        };
        let turns: Vec<_> = (0..4).map(|journey| shop.customer(journey)).collect();
        assert_eq!(turns, [Some(0), Some(2), Some(2), Some(0)]);
        shop.customers.clear();
        assert_eq!(shop.customer(3), None);
    }
}
