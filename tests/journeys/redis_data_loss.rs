//! Kills a Redis server without persistence while events flow between processes: every event is handled exactly once.

use std::collections::HashMap;
use std::time::Duration;

use chrono::Utc;
use entities::orders::order::OrderStatus;
use entities::orders::{order, order_event};
use platform::database::Database;
use platform::outbox::{self, NewEvent};
use platform::tables::{inbox_delivery, outbox_event};
use resolvers::id::IdKind;
use sea_orm::sea_query::IntoCondition;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;
use tokio::process::Command;
use uuid::Uuid;

use crate::kit::{DOMAINS, Graph, Layout, layouts};
use crate::redis_server::Redis;
use crate::wait::until;
use crate::written_orders;

/// Orders delivered between two kills.
pub(crate) const ORDERS: usize = 30;

async fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .await;
    assert!(sent.unwrap().success());
}

/// As many confirmed orders as one round needs.
pub(crate) async fn confirmed(orders: &Database) -> Vec<Uuid> {
    let like = order::Entity::find().one(orders.read()).await.unwrap();
    let like = like.expect("the demo shop has orders");
    let rows: Vec<_> = (0..ORDERS)
        .map(|_| order::Model {
            id: Uuid::now_v7(),
            status: OrderStatus::Confirmed,
            payment_intent_id: None,
            confirmed_at: Some(like.placed_at),
            shipped_at: None,
            delivered_at: None,
            cancelled_at: None,
            ..like.clone()
        })
        .collect();
    let ids = rows.iter().map(|row| row.id).collect();
    written_orders::write(orders, rows).await;
    ids
}

/// Publishes tracking events: the parcels of these orders are shipped, then delivered.
pub(crate) async fn deliver(tracking: &Database, ids: &[Uuid]) {
    for (status, all_delivered) in [("shipped", false), ("delivered", true)] {
        for id in ids {
            let order_id = IdKind::Order.format(*id);
            let transaction = tracking.begin().await.unwrap();
            let event = NewEvent {
                topic: "tracking.events",
                event_type: "tracking.status_changed",
                aggregate_id: &order_id,
                data: json!({
                    "version": 1, "orderId": order_id, "returnId": null, "status": status,
                    "carrier": "ups", "trackingNumber": id.simple().to_string(), "allDelivered": all_delivered, "timestamp": Utc::now(),
                }),
            };
            outbox::append(&transaction, event, Utc::now())
                .await
                .unwrap();
            transaction.commit().await.unwrap();
        }
    }
}

/// Number of events in this state.
pub(crate) async fn count(database: &Database, which: impl IntoCondition) -> u64 {
    outbox_event::Entity::find()
        .filter(which.into_condition())
        .count(database.read())
        .await
        .unwrap()
}

/// Every one of these orders was shipped and delivered, once.
pub(crate) async fn assert_delivered_once(orders: &Database, ids: &[Uuid]) {
    for (event, status) in [
        ("order.shipped", None),
        ("order.delivered", Some("delivered")),
    ] {
        let mut effects: HashMap<Uuid, u32> = HashMap::new();
        let timeline = order_event::Entity::find()
            .filter(order_event::Column::Event.eq(event))
            .all(orders.read())
            .await
            .unwrap();
        for entry in timeline {
            *effects.entry(entry.order_id).or_default() += 1;
        }
        for id in ids {
            assert_eq!(effects.get(id), Some(&1), "{id}: {event} once");
            let row = order::Entity::find_by_id(*id).one(orders.read()).await;
            let row = row.unwrap().unwrap();
            assert!(
                status.is_none_or(|status| row.status.as_str() == status),
                "{row:?}"
            );
        }
    }
}

#[tokio::test]
async fn redis_without_persistence_killed_twice_while_events_flow_loses_no_effect_and_doubles_none()
{
    if !layouts().contains(&Layout::Separate) || std::env::var("VANTAGE_TEST_REDIS_URL").is_err() {
        return;
    }
    let mut redis = Redis::start().await;
    let url = redis.url();
    let settings = [("VANTAGE_DEMO__ORDERS", "60"), ("VANTAGE_REDIS_URL", &url)];
    let graph = Graph::start(Layout::Separate, &settings, &[]).await;
    let tracking = graph.database("tracking").await;
    let orders = graph.database("orders").await;
    let consumer = DOMAINS.iter().position(|domain| *domain == "orders");
    let consumer = graph.subgraphs[consumer.unwrap()].child.id().unwrap();

    let mut all = Vec::new();
    for round in 0..3 {
        let ids = confirmed(&orders).await;
        // Half while their consumer is reading; the rest while it is not, so that Redis holds the only other copy.
        deliver(&tracking, &ids[..ORDERS / 2]).await;
        signal(consumer, "-STOP").await;
        deliver(&tracking, &ids[ORDERS / 2..]).await;
        until("all events are published", async || {
            let waiting = outbox_event::Column::PublishedAt.is_null();
            (count(&tracking, waiting).await == 0).then_some(())
        })
        .await;
        if round < 2 {
            redis = Redis::start_at(redis.kill().await).await;
        }
        signal(consumer, "-CONT").await;
        all.extend(ids);
    }
    until("all events are confirmed and handled", async || {
        let unconfirmed = || outbox_event::Column::ConfirmedAt.is_null();
        let open = count(&tracking, unconfirmed()).await + count(&orders, unconfirmed()).await;
        let waiting = inbox_delivery::Entity::find().count(orders.read()).await;
        (open + waiting.unwrap() == 0).then_some(())
    })
    .await;

    assert_delivered_once(&orders, &all).await;
    tracking.close().await;
    orders.close().await;
    graph.stop().await;
    redis.kill().await;
}

#[tokio::test]
async fn an_event_that_redis_refuses_is_listed_and_goes_at_once_when_it_is_requeued() {
    if !layouts().contains(&Layout::Postgres) || std::env::var("VANTAGE_TEST_REDIS_URL").is_err() {
        return;
    }
    let redis = Redis::start().await;
    let mut commands = redis.commands().await.unwrap();
    // Not a stream, so publishing fails.
    redis::cmd("SET")
        .arg("vantage:events:notification.events")
        .arg("x")
        .exec_async(&mut commands)
        .await
        .unwrap();
    let url = redis.url();
    let settings = [("VANTAGE_DEMO__ORDERS", "60"), ("VANTAGE_REDIS_URL", &url)];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let database = graph.database("notifications").await;
    let transaction = database.begin().await.unwrap();
    let told = NewEvent {
        topic: "notification.events",
        event_type: "notification.tested",
        aggregate_id: "usr_1",
        data: json!({ "version": 1 }),
    };
    let event = outbox::append(&transaction, told, Utc::now())
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let row = async || {
        let row = outbox_event::Entity::find_by_id(event)
            .one(database.read())
            .await;
        row.unwrap().unwrap()
    };
    // After this many attempts, the retry delay is long.
    until("publishing fails", async || {
        (row().await.attempts >= 5).then_some(())
    })
    .await;
    let listed = graph.run(&["outbox", "list"]).await;
    let start = format!("notifications {event} notification.tested usr_1 not published after ");
    assert!(listed.starts_with(&start), "{listed}");
    assert!(
        listed.contains("next attempt at ") && listed.contains("WRONGTYPE"),
        "{listed}"
    );

    redis::cmd("DEL")
        .arg("vantage:events:notification.events")
        .exec_async(&mut commands)
        .await
        .unwrap();
    let due = row().await.next_attempt_at;
    let requeued = graph
        .run(&["outbox", "requeue", "notifications", &event.to_string()])
        .await;
    assert_eq!(requeued, "1 events will be delivered again");
    until("the event is published", async || row().await.published_at).await;
    let sooner = row().await.published_at.unwrap() < due + Duration::from_secs(1);
    assert!(
        sooner || row().await.attempts == 0,
        "the event was published before its retry time"
    );
    assert_eq!(graph.run(&["outbox", "list"]).await, "");
    database.close().await;
    graph.stop().await;
    redis.kill().await;
}
