//! Deals are sent once, in order, and no faster than allowed, whatever happens to those that send them.

use std::time::Duration;

use chrono::TimeDelta;
use entities::notifications::deal_queue;
use entities::notifications::notification::DeliveryStatus;
use notifications::deals::{self, DealDelivery, DealTaskState};
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, customer, shops};

#[tokio::test]
async fn a_customers_deals_are_sent_in_order_and_urgent_ones_of_others_first() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let end = "2026-06-03T00:00:00Z";
        let (patient, urgent) = (customer(1), customer(2));
        for title in ["first", "second", "third"] {
            shop.schedule(title, &[patient], end, json!({})).await;
        }
        // Its window begins later, so it does not hold back what is scheduled after it.
        let later = json!({ "windowStart": "2026-06-01T18:00:00Z" });
        shop.schedule("later", &[urgent], end, later).await;
        shop.schedule("urgent", &[urgent], end, json!({ "priority": "HIGH" }))
            .await;
        let db = shop.scratch.database.read();
        let mut due = Vec::new();
        for priority in [1, 0] {
            let some = deal_queue::due(db, priority, shop.clock.now(), 10).await;
            due.extend(some.unwrap());
        }
        let messages = shop.messages().await;
        let title = |id: Uuid| {
            messages
                .iter()
                .find(|row| row.id == id)
                .unwrap()
                .title
                .clone()
        };
        let titles: Vec<_> = due.iter().map(|deal| title(deal.notification_id)).collect();
        assert_eq!(titles, ["urgent", "first"], "{}", shop.scratch.name);
        assert_eq!(shop.drain().await.sent, 4);
        shop.set_time("2026-06-01T18:00:00Z");
        assert_eq!(shop.drain().await.sent, 1);
        let mut sent: Vec<_> = shop
            .messages()
            .await
            .iter()
            .map(|row| (row.customer_id, row.position.unwrap(), row.title.clone()))
            .collect();
        sent.sort();
        let titles: Vec<_> = sent.iter().map(|(.., title)| title.as_str()).collect();
        assert_eq!(titles, ["first", "second", "third", "urgent", "later"]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn two_instances_that_drain_at_once_send_each_deal_once() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let customers: Vec<_> = (1..=20).map(customer).collect();
        for title in ["one", "two", "three"] {
            shop.schedule(title, &customers, "2026-06-03T00:00:00Z", json!({}))
                .await;
        }
        let (a, b) = (shop.deals(), shop.deals());
        let (a, b) = tokio::join!(deals::drain_once(&a), deals::drain_once(&b));
        let (a, b) = (a.unwrap(), b.unwrap());
        // What one had claimed while the other looked is left to the next drain.
        shop.clock.advance(TimeDelta::minutes(1));
        let rest = shop.drain().await;
        assert!(a.sent + b.sent + rest.sent >= 60, "{a:?} {b:?} {rest:?}");
        assert_all_sent_once(&shop, 3).await;
        shop.scratch.drop().await;
    }
}

/// Each customer got each of these deals once.
pub(crate) async fn assert_all_sent_once(shop: &Shop, deals: i64) {
    let messages = shop.messages().await;
    let name = shop.scratch.name;
    for message in &messages {
        assert_eq!(message.status, DeliveryStatus::Sent, "{name} {message:?}");
    }
    // Positions are counted when something is sent, so nothing was sent twice.
    let mut positions: Vec<_> = messages
        .iter()
        .map(|row| (row.customer_id, row.position))
        .collect();
    positions.sort();
    let customers: Vec<_> = messages.iter().map(|row| row.customer_id).collect();
    let mut expected: Vec<_> = customers
        .into_iter()
        .flat_map(|id| (1..=deals).map(move |position| (id, Some(position))))
        .collect();
    expected.sort();
    expected.dedup();
    assert_eq!(positions, expected, "{name}");
    assert_eq!(shop.queue().await, [], "{name}");
}

#[tokio::test]
async fn a_drain_that_is_cut_off_anywhere_loses_nothing_and_repeats_nothing() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let customers: Vec<_> = (1..=12).map(customer).collect();
        for title in ["one", "two"] {
            shop.schedule(title, &customers, "2026-06-03T00:00:00Z", json!({}))
                .await;
        }
        for round in 0..40 {
            let state = shop.deals();
            let limit = Duration::from_micros(500 * round);
            let cut = tokio::time::timeout(limit, deals::drain_once(&state)).await;
            // Claims of the process that died end.
            shop.clock.advance(TimeDelta::seconds(20));
            if cut.is_ok() {
                break;
            }
        }
        for _ in 0..4 {
            shop.clock.advance(TimeDelta::minutes(1));
            shop.send_due().await;
            shop.drain().await;
        }
        assert_all_sent_once(&shop, 2).await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn deals_are_sent_no_faster_than_allowed() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let customers: Vec<_> = (1..=6).map(customer).collect();
        shop.schedule("Sale", &customers, "2026-06-03T00:00:00Z", json!({}))
            .await;
        let state = DealTaskState {
            delivery: DealDelivery {
                at_once: 2,
                per_second: 10,
                ..shop.deals().delivery
            },
            ..shop.deals()
        };
        let started = std::time::Instant::now();
        assert_eq!(deals::drain_once(&state).await.unwrap().sent, 6);
        // Two at a time, a fifth of a second each.
        assert!(
            started.elapsed() >= Duration::from_millis(600),
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}
