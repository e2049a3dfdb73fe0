//! Events that say a customer was deleted: they arrive late, and repeatedly, and delete nothing from after the deletion.

use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use entities::notifications::{device_token, erased_customer, preference};
use notifications::{privacy, workers};
use platform::bus::Event;
use resolvers::erasure::{CUSTOMER_DELETED, TOPIC};
use resolvers::export::Export;
use resolvers::id::IdKind;
use resolvers::testing::execute;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::fixture::{REGISTER, UPDATE};
use crate::world::{World, shipped, worlds};

impl World {
    /// Handles an event that says the customer was deleted then.
    async fn delete_customer(&self, customer: Uuid, at: DateTime<Utc>) {
        let id = IdKind::Customer.format(customer);
        let event = Event {
            id: Uuid::now_v7(),
            topic: TOPIC.to_owned(),
            event_type: CUSTOMER_DELETED.to_owned(),
            aggregate_id: id.clone(),
            sequence: 1,
            occurred_at: self.clock.now(),
            data: json!({ "version": 1, "customerId": id, "timestamp": at }),
            traceparent: None,
        };
        let subscribers = workers::subscribers(&self.state);
        let subscriber = subscribers
            .iter()
            .find(|subscriber| subscriber.group.topics.contains(&TOPIC))
            .unwrap();
        let transaction = self.scratch.database.begin().await.unwrap();
        let now = self.clock.now();
        let handled = subscriber.handler.handle(&transaction, &event, now).await;
        handled.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Turns emails about something on or off.
    async fn choose(&self, customer: Uuid, category: &str, enabled: bool) {
        let update = json!({ "channel": "EMAIL", "category": category, "enabled": enabled });
        let variables = json!({
            "customer": IdKind::Customer.format(customer),
            "key": Uuid::now_v7().to_string(),
            "input": { "updates": [update] },
        });
        let answer = execute(&self.subgraph(), Some(customer), UPDATE, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
    }

    async fn add_phone(&self, customer: Uuid, token: &str) {
        let variables = json!({ "token": token, "region": "us" });
        let answer = execute(&self.subgraph(), Some(customer), REGISTER, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
    }

    /// Which emails the customer has turned on or off.
    async fn choices(&self, customer: Uuid) -> Vec<(NotificationCategory, bool)> {
        let db = self.scratch.database.read();
        let cells = preference::of_customers(db, &[customer]).await.unwrap();
        let cells = cells.into_values().flatten();
        let emails = cells.filter(|cell| cell.channel == NotificationChannel::Email);
        emails.map(|cell| (cell.category, cell.enabled)).collect()
    }

    async fn devices(&self, customer: Uuid) -> Vec<String> {
        let db = self.scratch.database.read();
        let devices = device_token::of_customer(db, customer).await.unwrap();
        devices.into_iter().map(|device| device.token).collect()
    }

    async fn is_blocked(&self, customer: Uuid) -> bool {
        let db = self.scratch.database.read();
        erased_customer::exists(db, customer).await.unwrap()
    }

    async fn export(&self, customer: Uuid) -> Value {
        let database = self.scratch.database.read_only().await.unwrap().unwrap();
        let transaction = database.begin().await.unwrap();
        let mut output = Vec::new();
        let mut document = Export::begin(&mut output, &Map::new()).unwrap();
        document.begin_domain("notifications").unwrap();
        privacy::export(&transaction, customer, &mut document)
            .await
            .unwrap();
        document.end_domain().unwrap();
        document.end().unwrap();
        transaction.end().await;
        database.close().await;
        let mut document: Value = serde_json::from_slice(&output).unwrap();
        document["domains"]["notifications"].take()
    }
}

const ORDERS: NotificationCategory = NotificationCategory::Orders;
const DEALS: NotificationCategory = NotificationCategory::Deals;

#[tokio::test]
async fn a_repeated_deletion_deletes_no_later_choice() {
    for world in worlds().await {
        let (name, customer) = (world.scratch.name, Uuid::now_v7());
        world.choose(customer, "DEALS", true).await;
        let deleted_at = world.clock.now();
        world.delete_customer(customer, deleted_at).await;
        assert_eq!(world.choices(customer).await, [], "{name}");

        // A later "no", for when they come back.
        world.clock.advance(TimeDelta::hours(1));
        world.choose(customer, "ORDERS", false).await;
        for at in [deleted_at, deleted_at - TimeDelta::days(1)] {
            world.delete_customer(customer, at).await;
            assert_eq!(world.choices(customer).await, [(ORDERS, false)], "{name}");
            assert!(world.is_blocked(customer).await, "{name}");
        }
        // They come back, and the event is repeated once more.
        world.choose(customer, "DEALS", true).await;
        world.add_phone(customer, "phone").await;
        world.choose(customer, "DEALS", false).await;
        world.delete_customer(customer, deleted_at).await;
        assert!(!world.is_blocked(customer).await, "{name}");
        assert_eq!(world.choices(customer).await.len(), 2, "{name}");
        assert_eq!(world.devices(customer).await, ["phone"], "{name}");

        // Another deletion is not a repetition.
        world.delete_customer(customer, world.clock.now()).await;
        assert_eq!(world.choices(customer).await, [], "{name}");
        assert!(world.devices(customer).await.is_empty(), "{name}");
        assert!(world.is_blocked(customer).await, "{name}");
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_late_deletion_deletes_only_what_was_stored_before_it() {
    for world in worlds().await {
        let (name, customer) = (world.scratch.name, Uuid::now_v7());
        world.choose(customer, "ORDERS", false).await;
        world.add_phone(customer, "old-phone").await;
        world.clock.advance(TimeDelta::hours(1));
        let deleted_at = world.clock.now();
        world.clock.advance(TimeDelta::hours(1));
        world.choose(customer, "DEALS", true).await;
        world.add_phone(customer, "new-phone").await;

        world.delete_customer(customer, deleted_at).await;
        assert_eq!(world.choices(customer).await, [(DEALS, true)], "{name}");
        assert_eq!(world.devices(customer).await, ["new-phone"], "{name}");
        assert!(!world.is_blocked(customer).await, "{name}");
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn everything_that_is_stored_is_exported_and_little_of_an_erased_customer() {
    for world in worlds().await {
        let (name, customer) = (world.scratch.name, Uuid::now_v7());
        assert_eq!(world.export(customer).await, json!({}), "{name}");
        world.choose(customer, "DEALS", true).await;
        world.add_phone(customer, "phone").await;
        let order = IdKind::Order.format(Uuid::now_v7());
        world.tell(&shipped(&order, customer, 1)).await;
        world.send_due().await;

        let before = world.export(customer).await;
        assert_eq!(before["devices"][0]["token"], "phone", "{name}");
        assert_eq!(before["preferences"][0]["enabled"], true, "{name}");
        assert!(before["settings"][0]["timezone"].is_string());
        // By email, and to the device.
        let messages = before["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 2, "{name}: {before:#}");
        assert!(messages.iter().all(|row| row["orderId"] == order.as_str()));
        assert!(messages.iter().any(|row| row["title"] != ""), "{before:#}");

        world.erase(customer).await;
        let after = world.export(customer).await;
        let tables: Vec<_> = after.as_object().unwrap().keys().cloned().collect();
        assert_eq!(tables, ["blocked", "messages"], "{name}: {after:#}");
        for row in after["messages"].as_array().unwrap() {
            let texts = (&row["title"], &row["body"], &row["data"]);
            assert_eq!(texts, (&json!(""), &json!(""), &Value::Null), "{name}");
        }
        world.scratch.drop().await;
    }
}
