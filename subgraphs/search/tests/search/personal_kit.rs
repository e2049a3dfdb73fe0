//! A catalog with two kinds of products that a query finds alike, and customers with signals.

use chrono::Duration;
use entities::insert_many;
use entities::search::product;
use entities::search::signal::{self, SignalKind};
use platform::bus::Event;
use resolvers::id::IdKind;
use resolvers::testing::execute;
use search::workers::subscribers;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Fixture, Item, id, strings};

/// Even numbers are headphones, odd ones monitors.
pub(crate) const PRODUCTS: usize = 40;

pub(crate) fn catalog() -> Vec<product::Model> {
    (0..PRODUCTS)
        .map(|number| {
            let item = if number % 2 == 0 {
                Item {
                    title: "Wireless Headphones",
                    brand: Some("Auralis"),
                    category: "Headphones",
                    description: "Clear sound and a comfortable fit.",
                    ..Item::PLAIN
                }
            } else {
                Item {
                    title: "Wireless Monitor",
                    brand: Some("Vectra"),
                    category: "Monitors",
                    description: "A sharp, evenly lit display.",
                    ..Item::PLAIN
                }
            };
            item.row(number)
        })
        .collect()
}

/// The product with this number among the headphones.
pub(crate) fn headphones(number: usize) -> Uuid {
    id(2 * number % PRODUCTS)
}

/// The product with this number among the monitors.
pub(crate) fn monitor(number: usize) -> Uuid {
    id((2 * number + 1) % PRODUCTS)
}

/// A search that finds everything.
pub(crate) const SEARCH: &str = "query($first: Int, $after: String, $last: Int, $before: String, $personalize: Boolean = true) {
    productSearch(query: \"wireless\", personalize: $personalize, first: $first, after: $after, last: $last, before: $before) {
        queryId
        personalization { mode boost variant reranked }
        pageInfo { endCursor startCursor hasNextPage hasPreviousPage }
        edges { score why }
        nodes { id category }
    }
}";

impl Fixture {
    /// Stores signals of a customer as of now.
    pub(crate) async fn did(
        &self,
        customer: Uuid,
        kind: SignalKind,
        products: impl IntoIterator<Item = Uuid>,
    ) {
        let rows = products.into_iter().map(|product_id| signal::Model {
            id: Uuid::now_v7(),
            customer_id: Some(customer),
            kind,
            product_id,
            query_id: None,
            position: None,
            occurred_at: self.state.clock.now() - Duration::days(1),
            order_id: None,
        });
        insert_many::<signal::Entity>(self.scratch.database.write(), rows.collect())
            .await
            .unwrap();
    }

    /// A customer who viewed headphones so often.
    pub(crate) async fn customer_who_likes_headphones(&self, signals: usize) -> Uuid {
        let customer = Uuid::now_v7();
        self.did(customer, SignalKind::View, (0..signals).map(headphones))
            .await;
        customer
    }

    pub(crate) async fn ask_as(
        &self,
        customer: Option<Uuid>,
        document: &str,
        variables: Value,
    ) -> Value {
        execute(&self.subgraph, customer, document, variables).await
    }

    /// [`SEARCH`] as this customer, all results unless the variables say otherwise; asserts that there are no errors.
    pub(crate) async fn find(&self, customer: Option<Uuid>, mut variables: Value) -> Value {
        if variables.get("last").is_none() && variables.get("first").is_none() {
            variables["first"] = json!(100);
        }
        let answer = self.ask_as(customer, SEARCH, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["productSearch"].clone()
    }

    /// Records an event as this customer, and returns the payload.
    pub(crate) async fn record(&self, customer: Option<Uuid>, input: Value) -> Value {
        let document = "mutation($input: SearchEventInput!) {
            searchEventRecord(input: $input) { recorded userErrors { code field } }
        }";
        let answer = self
            .ask_as(customer, document, json!({ "input": input }))
            .await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["searchEventRecord"].clone()
    }

    /// Handles an event of the orders domain.
    pub(crate) async fn order_event(&self, kind: &str, data: Value) {
        let subscribers = subscribers();
        let subscriber = subscribers
            .iter()
            .find(|subscriber| subscriber.group.topics.contains(&"orders.events"))
            .unwrap();
        let event = Event {
            id: Uuid::now_v7(),
            topic: "orders.events".to_owned(),
            event_type: kind.to_owned(),
            aggregate_id: "ord_1".to_owned(),
            sequence: 1,
            occurred_at: self.state.clock.now(),
            data,
            traceparent: None,
        };
        let transaction = self.scratch.database.begin().await.unwrap();
        let now = self.state.clock.now();
        let handled = subscriber.handler.handle(&transaction, &event, now).await;
        handled.unwrap();
        transaction.commit().await.unwrap();
    }
}

/// `order.placed` of these products.
pub(crate) fn placed(order: Uuid, customer: Uuid, products: &[Uuid], at: &str) -> Value {
    let items: Vec<_> = products
        .iter()
        .map(|product| json!({ "productId": IdKind::Product.format(*product), "quantity": 2 }))
        .collect();
    json!({
        "version": 1,
        "orderId": IdKind::Order.format(order),
        "customerId": IdKind::Customer.format(customer),
        "status": "pending",
        "items": items,
        "timestamp": at,
    })
}

/// The categories of results, in order.
pub(crate) fn categories(found: &Value) -> Vec<String> {
    strings(&found["nodes"], "category")
}

/// The ids of results, in order.
pub(crate) fn ids(found: &Value) -> Vec<String> {
    strings(&found["nodes"], "id")
}
