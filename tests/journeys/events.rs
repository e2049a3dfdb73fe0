//! Events between domains in every layout, including after kills: every event published by one domain is handled by its
//! consumers.

use std::collections::HashMap;
use std::time::Duration;

use chrono::Utc;
use entities::orders::order::OrderStatus;
use entities::orders::{order, order_event};
use platform::database::{Database, DatabaseConfig};
use platform::outbox::{self, NewEvent};
use platform::tables::{inbox_delivery, outbox_event};
use resolvers::id::IdKind;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

use crate::kit::{Graph, Layout, OWN_REDIS, Process, layouts, vantage};
use crate::wait::until;
use crate::written_orders;

/// Large enough to have parcels in transit besides the demo customer's, which move by themselves.
const SHOP: [(&str, &str); 2] = [
    ("VANTAGE_DEMO__ORDERS", "600"),
    ("VANTAGE_DEMO__TICKER_INTERVAL", "150ms"),
];

/// Settings of a layout. Separate processes need Redis (`VANTAGE_TEST_REDIS_URL` is set).
fn settings(layout: Layout) -> Option<Vec<(&'static str, String)>> {
    let mut settings = SHOP.map(|(name, value)| (name, value.to_owned())).to_vec();
    if layout == Layout::Separate {
        std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
        settings.push(("VANTAGE_REDIS_URL", OWN_REDIS.to_owned()));
    }
    Some(settings)
}

#[tokio::test]
async fn an_order_is_delivered_when_its_parcel_is() {
    for layout in layouts() {
        let Some(settings) = settings(layout) else {
            continue;
        };
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let began = Utc::now();
        let graph = Graph::start(layout, &settings, &["--demo"]).await;
        let orders = graph.database("orders").await;
        let just_now = until("an order is delivered", async || {
            let arrived = order::Entity::find().filter(order::Column::DeliveredAt.gt(began));
            arrived.one(orders.read()).await.unwrap()
        })
        .await;
        orders.close().await;
        let customer = IdKind::Customer.format(just_now.customer_id);
        let token = graph.run(&["token", "--customer", &customer]).await;
        let document =
            "query($id: ID!) { order(id: $id) { deliveredAt timeline { event actor timestamp } } }";
        let id = json!({ "id": IdKind::Order.format(just_now.id) });
        let answer = graph.query(Some(&token), document, id).await;
        assert_eq!(answer.get("errors"), None, "{layout:?}: {answer:#}");
        let delivered = &answer["data"]["order"];
        let timeline = delivered["timeline"].as_array().unwrap();
        let last = timeline.last().unwrap();
        assert_eq!(
            last["event"], "order.delivered",
            "{layout:?}: {delivered:#}"
        );
        assert_eq!(last["actor"], "carrier");
        assert_eq!(last["timestamp"], delivered["deliveredAt"]);
        graph.stop().await;
    }
}

#[tokio::test]
async fn what_had_no_effect_is_listed_and_can_be_delivered_again() {
    for layout in layouts().into_iter().filter(|one| *one != Layout::Separate) {
        let graph = Graph::start(layout, &SHOP, &[]).await;
        let order_uuid = Uuid::now_v7();
        let order_id = IdKind::Order.format(order_uuid);

        // Tracking publishes an event for an order unknown to orders.
        let tracking = graph.database("tracking").await;
        let transaction = tracking.begin().await.unwrap();
        let told = NewEvent {
            topic: "tracking.events",
            event_type: "tracking.status_changed",
            aggregate_id: &order_id,
            data: json!({
                "version": 1, "orderId": order_id, "returnId": null, "status": "shipped",
                "carrier": "ups", "trackingNumber": "1Z999AA10123456784", "allDelivered": false, "timestamp": Utc::now(),
            }),
        };
        let event = outbox::append(&transaction, told, Utc::now())
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let listed = until("the event is given up", async || {
            let listed = graph.run(&["outbox", "list"]).await;
            (!listed.is_empty()).then_some(listed)
        })
        .await;
        assert_eq!(
            listed,
            format!(
                "orders {event} tracking.status_changed {order_id} not handled by orders.tracking \
                 after 1 attempts: the event cannot be understood: there is no order {order_id}"
            ),
            "{layout:?}"
        );
        let elsewhere = graph.run(&["outbox", "list", "--domain", "tracking"]).await;
        assert_eq!(elsewhere, "");

        // Once the order exists, the event can be handled.
        let orders = graph.database("orders").await;
        let like = order::Entity::find()
            .one(orders.read())
            .await
            .unwrap()
            .unwrap();
        let new = order::Model {
            id: order_uuid,
            status: OrderStatus::Confirmed,
            payment_intent_id: None,
            confirmed_at: Some(like.placed_at),
            shipped_at: None,
            delivered_at: None,
            cancelled_at: None,
            ..like
        };
        written_orders::write(&orders, vec![new]).await;
        let other = Uuid::now_v7().to_string();
        let none = graph.run(&["outbox", "requeue", "orders", &other]).await;
        assert_eq!(none, "0 events will be delivered again");
        let one = graph
            .run(&["outbox", "requeue", "orders", &event.to_string()])
            .await;
        assert_eq!(one, "1 events will be delivered again");
        until("the order is shipped", async || {
            let row = order::Entity::find_by_id(order_uuid)
                .one(orders.read())
                .await;
            (row.unwrap().unwrap().status == OrderStatus::Shipped).then_some(())
        })
        .await;
        assert_eq!(graph.run(&["outbox", "list"]).await, "", "{layout:?}");
        let all = graph.run(&["outbox", "requeue", "orders", "--all"]).await;
        assert_eq!(all, "0 events will be delivered again");
        for database in [tracking, orders] {
            database.close().await;
        }
        graph.stop().await;
    }
}

/// When to kill the process, in milliseconds after it starts listening.
const KILLS: [u64; 6] = [0, 130, 370, 620, 910, 1_270];

#[tokio::test]
async fn a_process_killed_again_and_again_loses_no_event_and_has_no_effect_twice() {
    let data = tempfile::tempdir().unwrap();
    let start = async |demo: bool| {
        let mut command = vantage(data.path());
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(SHOP);
        if demo {
            command.arg("--demo");
        }
        Process::start(command).await
    };
    for after in KILLS {
        let mut process = start(true).await;
        // This test is about the moment of the kill; there is no state to wait for.
        tokio::time::sleep(Duration::from_millis(after)).await;
        process.child.kill().await.unwrap();
    }
    let mut process = start(false).await;
    let config = DatabaseConfig::sqlite(data.path().to_owned());
    let tracking = Database::open(&config, "tracking").await.unwrap();
    let orders = Database::open(&config, "orders").await.unwrap();
    let told = until("all events are published and handled", async || {
        let events = outbox_event::Entity::find()
            .all(tracking.read())
            .await
            .unwrap();
        let waiting = inbox_delivery::Entity::find()
            .all(orders.read())
            .await
            .unwrap();
        let is_told = events.iter().all(|event| event.published_at.is_some());
        (is_told && waiting.is_empty()).then_some(events)
    })
    .await;
    assert!(process.stop().await.success());

    let timeline = order_event::Entity::find()
        .order_by_asc(order_event::Column::OccurredAt)
        .all(orders.read())
        .await
        .unwrap();
    let mut deliveries: HashMap<Uuid, u32> = HashMap::new();
    for entry in timeline.iter().filter(|one| one.event == "order.delivered") {
        *deliveries.entry(entry.order_id).or_default() += 1;
    }
    let delivered: Vec<_> = told
        .iter()
        .filter(|event| event.data["allDelivered"] == true)
        .map(|event| IdKind::Order.parse(&event.aggregate_id).unwrap())
        .collect();
    assert!(!delivered.is_empty(), "events were delivered meanwhile");
    for id in delivered {
        let row = order::Entity::find_by_id(id).one(orders.read()).await;
        assert_eq!(row.unwrap().unwrap().status, OrderStatus::Delivered, "{id}");
        assert_eq!(deliveries.get(&id), Some(&1), "{id}: once");
    }
    let mut numbers: HashMap<&str, Vec<i64>> = HashMap::new();
    for event in &told {
        numbers
            .entry(&event.aggregate_id)
            .or_default()
            .push(event.sequence);
    }
    for (aggregate, mut numbers) in numbers {
        numbers.sort_unstable();
        let expected: Vec<_> = (1..=numbers.len() as i64).collect();
        assert_eq!(numbers, expected, "{aggregate}: no gap in sequence numbers");
    }
}
