//! Helpers for placing and cancelling orders, and for running their background work.

use chrono::Duration;
use entities::orders::{order, order_payment};
use platform::bus::InProcessBus;
use platform::tables::{outbox_event, task};
use platform::workers::WorkerContext;
use resolvers::testing::execute;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fake_subgraphs::product;
use crate::fixture::Shop;

pub(crate) const PLACE: &str = "mutation($input: OrderPlaceInput!, $key: String!) {
    orderPlace(input: $input, idempotencyKey: $key) {
        order {
            id status total { amount currency } timeline { event actor } allowedActions
        }
        paymentClientSecret currencyFallback userErrors { code field message }
        shortages { product { id } wanted availableQuantity }
    }
}";

pub(crate) const CANCEL: &str = "mutation($id: ID!, $reason: String, $key: String!) {
    orderCancel(id: $id, reason: $reason, idempotencyKey: $key) {
        order { id status timeline { event actor } allowedActions } userErrors { code field }
    }
}";

/// Two notebooks shipped to Leipzig, paid in euros.
pub(crate) fn input(token: &str) -> Value {
    json!({
        "items": [{ "productId": product(1), "quantity": 2 }],
        "shippingAddress": {
            "name": "Ada Lovelace", "line1": "Grimmaische Str. 1", "city": "Leipzig",
            "postalCode": "04109", "countryCode": "DE",
        },
        "paymentMethodToken": token,
    })
}

impl Shop {
    /// The whole response to an order by this customer.
    pub(crate) async fn order_as(&self, customer: Uuid, input: &Value, key: &str) -> Value {
        let variables = json!({ "input": input, "key": key });
        execute(&self.subgraph, Some(customer), PLACE, variables).await
    }

    /// The payload of Ada's order; asserts that there are no top-level errors.
    pub(crate) async fn place(&self, input: &Value, key: &str) -> Value {
        let mut answer = self.order_as(self.ada, input, key).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["orderPlace"].take()
    }

    pub(crate) async fn cancel_as(&self, customer: Uuid, id: &Value, key: &str) -> Value {
        let variables = json!({ "id": id, "reason": "changed my mind", "key": key });
        execute(&self.subgraph, Some(customer), CANCEL, variables).await
    }

    pub(crate) async fn cancel(&self, id: &Value, key: &str) -> Value {
        let mut answer = self.cancel_as(self.ada, id, key).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        answer["data"]["orderCancel"].take()
    }

    /// Status and timeline, in short: `CONFIRMED: order.placed, order.confirmed`.
    pub(crate) async fn story(&self, id: &Value) -> String {
        let document = "query($id: ID!) { order(id: $id) { status timeline { event } } }";
        let data = self.ada_asks(document, json!({ "id": id })).await;
        let order = &data["order"];
        let events: Vec<_> = order["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["event"].as_str().unwrap())
            .collect();
        format!(
            "{}: {}",
            order["status"].as_str().unwrap(),
            events.join(", ")
        )
    }

    /// Advances the clock and runs what is due then.
    pub(crate) async fn work_after(&self, time: Duration) {
        self.clock.advance(time);
        let database = &self.scratch.database;
        let bus = std::sync::Arc::new(InProcessBus::new());
        let stop = CancellationToken::new();
        let context = WorkerContext::new(database, bus, self.clock.clone(), stop);
        let runner = orders::workers::runner(&self.state, &context).expect("a provider");
        runner.run_due().await.unwrap();
    }

    /// The pending payment tasks.
    pub(crate) async fn tasks(&self) -> Vec<task::Model> {
        let found = task::Entity::find().all(self.scratch.database.read()).await;
        found.unwrap()
    }

    /// How many orders there are.
    pub(crate) async fn orders(&self) -> u64 {
        let orders = order::Entity::find();
        orders.count(self.scratch.database.read()).await.unwrap()
    }

    /// The payment of the only order.
    pub(crate) async fn payment(&self) -> order_payment::Model {
        let rows = order_payment::Entity::find()
            .all(self.scratch.database.read())
            .await
            .unwrap();
        let [row] = rows.try_into().unwrap();
        row
    }

    /// The events about orders written for other domains, in order.
    pub(crate) async fn published(&self) -> Vec<outbox_event::Model> {
        self.published_on("orders.events").await
    }

    /// The events on this topic, in order.
    pub(crate) async fn published_on(&self, topic: &str) -> Vec<outbox_event::Model> {
        outbox_event::Entity::find()
            .filter(outbox_event::Column::Topic.eq(topic))
            .order_by_asc(outbox_event::Column::Sequence)
            .all(self.scratch.database.read())
            .await
            .unwrap()
    }
}
