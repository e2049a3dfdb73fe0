//! What is left of a customer once they are erased, and what is exported of them.

use chrono::{DateTime, Duration, Utc};
use entities::insert_many;
use entities::orders::order::{self, OrderStatus};
use entities::orders::{customer, order_decision, order_event, payment_method};
use orders::privacy::{self, EraseOrders};
use orders::workers::subscribers;
use platform::bus::Event;
use platform::tables::{customer_erasure, outbox_event};
use resolvers::erasure::{self, CUSTOMER_DELETED, Erased, TOPIC};
use resolvers::export::Export;
use resolvers::id::IdKind;
use sea_orm::EntityTrait;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::fixture::{Shop, now, ord, order, shops};

/// An order that has arrived, with a billing address of its own.
fn delivered(number: u128, customer: Uuid, placed_at: DateTime<Utc>) -> order::Model {
    let row = order(number, customer, placed_at);
    order::Model {
        status: OrderStatus::Delivered,
        shipped_at: Some(placed_at + Duration::days(1)),
        delivered_at: Some(placed_at + Duration::days(2)),
        billing_address: Some(row.shipping_address.clone()),
        ..row
    }
}

/// A note of support's, and a customer's reason, about an order.
async fn write_words(shop: &Shop, number: u128) {
    let db = shop.scratch.database.write();
    let decision = order_decision::Model {
        id: Uuid::now_v7(),
        order_id: Uuid::from_u128(number),
        reason: None,
        since: None,
        decision: order_decision::OrderDecision::Wait,
        note: "Ada called".to_owned(),
        actor: "support@example.com".to_owned(),
        decided_at: now(),
        status_before: OrderStatus::Confirmed,
        status_after: OrderStatus::Confirmed,
        refund_amount: None,
    };
    order_decision::insert(db, decision).await.unwrap();
    let entry = order_event::Model {
        id: Uuid::now_v7(),
        order_id: Uuid::from_u128(number),
        event: "order.cancelled".to_owned(),
        actor: "customer".to_owned(),
        detail: Some("I moved to Kyoto".to_owned()),
        occurred_at: now(),
    };
    order_event::insert(db, entry).await.unwrap();
}

impl Shop {
    async fn delete(&self, customer: Uuid) -> Erased {
        let transaction = self.scratch.database.begin().await.unwrap();
        let now = self.clock.now();
        let erased = privacy::delete_customer(&transaction, customer, now).await;
        transaction.commit().await.unwrap();
        erased.unwrap()
    }

    /// Handles an event that says the customer was deleted then.
    async fn deleted(&self, customer: Uuid, at: DateTime<Utc>) {
        let id = IdKind::Customer.format(customer);
        let event = Event {
            id: Uuid::now_v7(),
            topic: TOPIC.to_owned(),
            event_type: CUSTOMER_DELETED.to_owned(),
            aggregate_id: id.clone(),
            sequence: 1,
            occurred_at: at,
            data: json!({ "version": 1, "customerId": id }),
            traceparent: None,
        };
        let subscribers = subscribers(&self.state);
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

    async fn customer_row(&self, id: Uuid) -> customer::Model {
        let found = customer::by_ids(self.scratch.database.read(), &[id]).await;
        (*found.unwrap()[&id]).clone()
    }

    async fn order_row(&self, number: u128) -> order::Model {
        let id = Uuid::from_u128(number);
        let found = order::by_ids(self.scratch.database.read(), &[id]).await;
        (*found.unwrap()[&id]).clone()
    }

    async fn export(&self, customer: Uuid) -> Value {
        let database = self.scratch.database.read_only().await.unwrap().unwrap();
        let transaction = database.begin().await.unwrap();
        let mut output = Vec::new();
        let mut document = Export::begin(&mut output, &Map::new()).unwrap();
        document.begin_domain("orders").unwrap();
        privacy::export(&transaction, customer, &mut document)
            .await
            .unwrap();
        document.end_domain().unwrap();
        document.end().unwrap();
        transaction.end().await;
        database.close().await;
        let mut document: Value = serde_json::from_slice(&output).unwrap();
        document["domains"]["orders"].take()
    }
}

#[tokio::test]
async fn a_deleted_customer_leaves_what_accounting_needs() {
    for shop in shops().await {
        let name = shop.scratch.name;
        let past = now() - Duration::days(30);
        shop.stock(vec![
            delivered(1, shop.ada, past),
            delivered(2, shop.ada, past + Duration::days(1)),
            delivered(3, shop.bob, past),
        ])
        .await;
        write_words(&shop, 1).await;
        let before = shop.export(shop.ada).await;
        let text = before.to_string();
        for personal in ["ada@example.com", "Ada called", "I moved to Kyoto", "4242"] {
            assert!(text.contains(personal), "{name}: {personal} in {before:#}");
        }

        let erased = shop.delete(shop.ada).await;
        assert_eq!(erased.open, [] as [String; 0], "{name}");
        let counts: Vec<_> = erased.rows.into_iter().collect();
        assert_eq!(
            counts,
            [
                ("customers", 1),
                ("order_decisions", 1),
                ("order_events", 1),
                ("orders", 2),
                ("payment_methods", 1),
            ],
            "{name}"
        );
        let after = shop.export(shop.ada).await;
        let text = after.to_string();
        for personal in [
            "Ada", "ada@", "Jingumae", "Shibuya", "150-0001", "Kyoto", "4242",
        ] {
            assert!(!text.contains(personal), "{name}: {personal} in {after:#}");
        }
        let (order, stored) = (&after["orders"][0], &before["orders"][0]);
        assert_eq!(order["id"], ord(1), "{name}");
        for kept in ["total", "tax", "items", "status", "placedAt", "paymentId"] {
            assert_eq!(order[kept], stored[kept], "{name}: {kept}");
        }
        let address = &order["shippingAddress"];
        let place = (&address["countryCode"], &address["region"]);
        assert_eq!(place, (&json!("JP"), &json!("Tokyo")), "{name}");
        let methods = payment_method::by_ids(shop.scratch.database.read(), &[shop.ada]).await;
        assert_eq!(methods.unwrap()[&shop.ada].closed_at, Some(now()), "{name}");

        // Others keep everything.
        assert_eq!(shop.customer_row(shop.bob).await.email, "bob@example.com");
        assert_eq!(shop.order_row(3).await.shipping_address.city, "Shibuya");

        let db = shop.scratch.database.read();
        let events = outbox_event::Entity::find().all(db).await.unwrap();
        let [event] = &events[..] else {
            panic!("{name}: {events:#?}")
        };
        let customer_id = IdKind::Customer.format(shop.ada);
        assert_eq!(
            (event.topic.as_str(), event.event_type.as_str()),
            (TOPIC, CUSTOMER_DELETED)
        );
        assert_eq!(event.data["customerId"], customer_id, "{name}");

        shop.clock.advance(Duration::minutes(1));
        assert_eq!(shop.delete(shop.ada).await, Erased::default(), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_that_is_not_settled_keeps_its_customer_until_it_is() {
    for shop in shops().await {
        let name = shop.scratch.name;
        let placed_at = now() - Duration::days(2);
        shop.stock(vec![order(1, shop.ada, placed_at)]).await;
        shop.deleted(shop.ada, now()).await;
        assert_eq!(shop.customer_row(shop.ada).await.name, "Ada", "{name}");
        let database = &shop.scratch.database;
        let resume = async || {
            let now = shop.clock.now();
            erasure::resume(database, &EraseOrders, now).await.unwrap()
        };
        assert_eq!(resume().await, 0, "{name}");
        assert_eq!(
            shop.order_row(1).await.shipping_address.name,
            "Ada Lovelace"
        );

        let arrived = delivered(1, shop.ada, placed_at);
        order::update(database.write(), arrived).await.unwrap();
        shop.clock.advance(Duration::hours(1));
        assert_eq!(resume().await, 1, "{name}");
        assert_eq!(resume().await, 0, "{name}");
        let row = shop.customer_row(shop.ada).await;
        assert!(row.is_erased() && row.name.is_empty(), "{name}: {row:?}");
        assert_eq!(shop.order_row(1).await.shipping_address.name, "", "{name}");
        let erasure = customer_erasure::find(database.read(), shop.ada).await;
        let erasure = erasure.unwrap().unwrap();
        assert_eq!(erasure.erased_at, now(), "{name}");
        assert_eq!(erasure.finished_at, Some(shop.clock.now()), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_deletion_erases_nothing_from_after_it_however_late_and_often_it_arrives() {
    for shop in shops().await {
        let name = shop.scratch.name;
        let at = now() - Duration::days(1);
        shop.stock(vec![
            delivered(1, shop.ada, at - Duration::days(9)),
            delivered(2, shop.ada, at + Duration::hours(1)),
        ])
        .await;
        // The event arrives a day late: the customer has come back meanwhile.
        shop.deleted(shop.ada, at).await;
        let names = async || {
            let first = shop.order_row(1).await.shipping_address.name;
            (first, shop.order_row(2).await.shipping_address.name)
        };
        let expected = (String::new(), "Ada Lovelace".to_owned());
        assert_eq!(names().await, expected, "{name}");
        assert_eq!(shop.customer_row(shop.ada).await.name, "Ada", "{name}");

        let words = async || {
            let id = Uuid::from_u128(1);
            let db = shop.scratch.database.read();
            order_decision::of_orders(db, &[id]).await.unwrap()[&id][0]
                .note
                .clone()
        };
        write_words(&shop, 1).await;
        for again in [at, at - Duration::days(1)] {
            shop.deleted(shop.ada, again).await;
            assert_eq!(words().await, "Ada called", "{name}");
        }
        // A later deletion is another one.
        shop.deleted(shop.ada, now()).await;
        assert_eq!(words().await, "", "{name}");
        assert_eq!(names().await, Default::default(), "{name}");
        assert!(shop.customer_row(shop.ada).await.is_erased(), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_deletion_in_the_future_is_as_of_now() {
    for shop in shops().await {
        let name = shop.scratch.name;
        shop.stock(vec![
            delivered(1, shop.ada, now() - Duration::days(1)),
            delivered(2, shop.ada, now() + Duration::hours(1)),
        ])
        .await;
        shop.deleted(shop.ada, now() + Duration::days(10_000)).await;
        let names = async || {
            let first = shop.order_row(1).await.shipping_address.name;
            (first, shop.order_row(2).await.shipping_address.name)
        };
        let expected = (String::new(), "Ada Lovelace".to_owned());
        assert_eq!(names().await, expected, "{name}");

        // It does not count as a later one.
        shop.clock.advance(Duration::days(1));
        assert_eq!(shop.delete(shop.ada).await.rows["orders"], 1, "{name}");
        assert_eq!(names().await, Default::default(), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn many_orders_are_exported_and_erased_by_pages() {
    for shop in shops().await {
        let name = shop.scratch.name;
        let first = now() - Duration::days(60);
        let orders: Vec<_> = (1..=450)
            .map(|number| {
                let minutes = i64::try_from(number).unwrap();
                delivered(number, shop.ada, first + Duration::minutes(minutes))
            })
            .collect();
        shop.stock(orders).await;
        let exported = shop.export(shop.ada).await;
        assert_eq!(exported["orders"].as_array().unwrap().len(), 450, "{name}");
        assert_eq!(shop.delete(shop.ada).await.rows["orders"], 450, "{name}");
        let text = shop.export(shop.ada).await.to_string();
        assert!(!text.contains("Jingumae"), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_customer_who_has_not_ordered_can_be_exported_and_erased() {
    for shop in shops().await {
        let name = shop.scratch.name;
        let stranger = Uuid::from_u128(0xC0C0A);
        assert_eq!(shop.export(stranger).await, json!({}), "{name}");
        assert_eq!(shop.delete(stranger).await, Erased::default(), "{name}");
        let carla = customer::Model {
            id: stranger,
            email: "carla@example.com".to_owned(),
            name: "Carla".to_owned(),
            created_at: now() + Duration::minutes(5),
        };
        insert_many::<customer::Entity>(shop.scratch.database.write(), vec![carla])
            .await
            .unwrap();
        // They are new since then.
        shop.deleted(stranger, now()).await;
        assert_eq!(shop.customer_row(stranger).await.name, "Carla", "{name}");
        shop.scratch.drop().await;
    }
}
