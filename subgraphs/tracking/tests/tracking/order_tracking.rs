//! Live tracking: who may watch, and what watchers receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use platform::pubsub::{InProcess, PubSub, PubSubError, RedisPubSub, Subscription};
use platform::redis_server::RedisServer;
use platform::supervisor::Supervisor;
use resolvers::id::IdKind;
use resolvers::testing::code;
use serde_json::{Value, json};
use tracking::TrackingStatus::{Delivered, InTransit, OutForDelivery, Shipped};
use tracking::{State, subgraph};
use uuid::Uuid;

use crate::fixture::{SubscriptionSource, at, fixtures, fixtures_over, parcel, seen};

#[tokio::test]
async fn every_watcher_gets_a_snapshot_and_then_each_change_once_in_order() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let shipped = seen(Shipped, "Warehouse, Chicago IL", at(8, 0));
        fixture.record_event(&row, &shipped).await;
        let mut watchers = [fixture.watch(row.order_id), fixture.watch(row.order_id)];
        for watcher in &mut watchers {
            let snapshot = watcher.update().await;
            assert_eq!(snapshot["snapshot"], true);
            assert_eq!(snapshot["sequence"], 1);
            assert_eq!(snapshot["status"], "SHIPPED");
        }
        let mut told = seen(InTransit, "Distribution Center, Newark NJ", at(14, 2));
        told.estimated_delivery = Some(at(18, 0));
        fixture.record_event(&row, &told).await;
        fixture.record_event(&row, &told).await;
        fixture
            .record_event(&row, &seen(Delivered, "Front Door", at(14, 9)))
            .await;
        for watcher in &mut watchers {
            let mut update = watcher.update().await;
            let ids = ["shipment", "order"].map(|of| update[of]["id"].take());
            assert_eq!(
                ids,
                [
                    public(IdKind::Shipment, row.id),
                    public(IdKind::Order, row.order_id)
                ]
            );
            update["shipment"]["trackingNumber"].take();
            // Fields that load are returned in order of completion.
            insta::with_settings!({ sort_maps => true }, {
                insta::allow_duplicates! {
                    insta::assert_json_snapshot!(update, @r#"
                    {
                      "carrier": "DHL",
                      "estimatedDelivery": "2025-10-03T18:00:00.000Z",
                      "location": "Distribution Center, Newark NJ",
                      "order": {
                        "id": null,
                        "shipments": [
                          {
                            "status": "DELIVERED"
                          }
                        ]
                      },
                      "sequence": 2,
                      "shipment": {
                        "history": [
                          {
                            "status": "SHIPPED"
                          },
                          {
                            "status": "IN_TRANSIT"
                          },
                          {
                            "status": "DELIVERED"
                          }
                        ],
                        "id": null,
                        "trackingNumber": null
                      },
                      "snapshot": false,
                      "status": "IN_TRANSIT",
                      "timestamp": "2025-10-03T14:02:00.000Z"
                    }
                    "#);
                }
            });
            let last = watcher.update().await;
            assert_eq!(last["sequence"], 3);
            assert_eq!(last["status"], "DELIVERED");
            assert_eq!(last["snapshot"], false);
        }
        fixture.scratch.drop().await;
    }
}

fn public(kind: IdKind, id: Uuid) -> Value {
    json!(kind.format(id))
}

#[tokio::test]
async fn a_late_event_reaches_the_watcher_without_moving_the_status_back() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let out = seen(OutForDelivery, "Brooklyn NY", at(14, 8));
        fixture.record_event(&row, &out).await;
        let mut watcher = fixture.watch(row.order_id);
        watcher.update().await;
        fixture
            .record_event(&row, &seen(InTransit, "Newark NJ", at(14, 2)))
            .await;
        let update = watcher.update().await;
        assert_eq!(update["sequence"], 2);
        assert_eq!(update["status"], "OUT_FOR_DELIVERY");
        assert_eq!(update["location"], "Brooklyn NY");
        assert_eq!(
            update["shipment"]["history"],
            json!([{ "status": "IN_TRANSIT" }, { "status": "OUT_FOR_DELIVERY" }])
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_watcher_who_fell_behind_reads_what_it_missed_without_gap_or_repeat() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let mut slow = fixture.watch(row.order_id);
        assert_eq!(slow.sequences(1).await, [0]);
        // More than any queue holds, and than is read at once.
        for minute in 0..220 {
            let time = at(8, 0) + chrono::Duration::minutes(minute);
            fixture
                .record_event(&row, &seen(InTransit, "on the road", time))
                .await;
        }
        assert_eq!(slow.sequences(220).await, (1..=220).collect::<Vec<_>>());
        fixture
            .record_event(&row, &seen(Delivered, "Front Door", at(14, 9)))
            .await;
        assert_eq!(slow.sequences(1).await, [221]);
        fixture.scratch.drop().await;
    }
}

/// Drops two of three messages.
#[derive(Debug, Default)]
struct Lossy {
    inner: InProcess,
    published: AtomicUsize,
}

#[async_trait]
impl PubSub for Lossy {
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), PubSubError> {
        let number = self.published.fetch_add(1, Ordering::Relaxed);
        if number % 3 == 2 {
            self.inner.publish(channel, message).await?;
        }
        Ok(())
    }

    async fn subscribe(&self, channel: &str) -> Result<Subscription, PubSubError> {
        self.inner.subscribe(channel).await
    }
}

#[tokio::test]
async fn lost_messages_are_read_when_the_next_one_arrives() {
    for fixture in fixtures_over(|| Arc::new(Lossy::default())).await {
        let row = fixture.ship().await;
        let mut watcher = fixture.watch(row.order_id);
        assert_eq!(watcher.sequences(1).await, [0]);
        for minute in 0..9 {
            fixture
                .record_event(&row, &seen(InTransit, "a", at(9, minute)))
                .await;
        }
        assert_eq!(watcher.sequences(9).await, (1..=9).collect::<Vec<_>>());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn changes_of_all_parcels_of_an_order_are_numbered_together_however_they_arrive() {
    for fixture in fixtures().await {
        let first = fixture.ship().await;
        let second = fixture.ship_for(first.order_id).await;
        let mut watcher = fixture.watch(first.order_id);
        assert_eq!(watcher.sequences(1).await, [0]);
        let recording = (0..40).map(|minute| {
            let row = if minute % 2 == 0 { &first } else { &second };
            let (fixture, told) = (&fixture, seen(InTransit, "a", at(9, minute)));
            async move { fixture.record_event(row, &told).await }
        });
        let (sequences, _) =
            futures::join!(watcher.sequences(40), futures::future::join_all(recording));
        assert_eq!(sequences, (1..=40).collect::<Vec<_>>());
        assert_eq!(fixture.state.watchers.orders(), [first.order_id]);
        drop(watcher);
        assert!(fixture.state.watchers.orders().is_empty());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_the_owner_may_watch() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let stranger = Some(Uuid::now_v7());
        let cases = [
            (None, row.order_id, "UNAUTHENTICATED"),
            (None, fixture.unshipped, "UNAUTHENTICATED"),
            (stranger, row.order_id, "FORBIDDEN"),
            // No parcel, and the orders domain does not show the order to the caller.
            (Some(fixture.customer), Uuid::now_v7(), "FORBIDDEN"),
        ];
        for (customer, order, expected) in cases {
            let answer = fixture.watch_as(customer, order).answer().await;
            assert_eq!(code(&answer), expected, "{answer}");
        }
        assert!(fixture.state.watchers.orders().is_empty());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_without_a_parcel_says_so_and_then_what_becomes_of_its_parcel() {
    for fixture in fixtures().await {
        let mut watcher = fixture.watch(fixture.unshipped);
        let snapshot = watcher.update().await;
        assert_eq!(snapshot["snapshot"], true);
        assert_eq!(snapshot["sequence"], 0);
        assert_eq!(snapshot["status"], "NOT_SHIPPED");
        assert_eq!(snapshot["timestamp"], "2025-10-03T14:10:00.000Z");
        assert_eq!(
            snapshot["order"]["id"],
            public(IdKind::Order, fixture.unshipped)
        );
        for null in ["carrier", "shipment", "location", "estimatedDelivery"] {
            assert_eq!(snapshot[null], Value::Null, "{null}");
        }
        let row = parcel(fixture.unshipped, fixture.customer);
        fixture.insert(row.clone()).await;
        fixture
            .record_event(&row, &seen(Shipped, "a", at(8, 0)))
            .await;
        fixture
            .record_event(&row, &seen(Delivered, "b", at(9, 0)))
            .await;
        for (sequence, status) in [(1, "SHIPPED"), (2, "DELIVERED")] {
            let update = watcher.update().await;
            assert_eq!(update["sequence"], sequence, "{}", fixture.scratch.name);
            assert_eq!(update["status"], status);
            assert_eq!(update["carrier"], "DHL");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_label_that_is_printed_while_its_order_is_watched_is_told_of() {
    for fixture in fixtures().await {
        let mut watcher = fixture.watch(fixture.unshipped);
        assert_eq!(watcher.update().await["status"], "NOT_SHIPPED");
        fixture
            .insert(parcel(fixture.unshipped, fixture.customer))
            .await;
        fixture.state.entitlement_checks.now();
        let update = watcher.update().await;
        assert_eq!(update["snapshot"], true);
        assert_eq!(update["status"], "LABEL_CREATED");
        fixture.scratch.drop().await;
    }
}

/// Two processes over one database and the Redis server named by `VANTAGE_TEST_REDIS_URL`.
#[tokio::test]
async fn a_change_in_one_process_reaches_the_watchers_of_another() {
    let Ok(url) = std::env::var("VANTAGE_TEST_REDIS_URL") else {
        return;
    };
    for fixture in fixtures_over(|| {
        Arc::new(RedisPubSub::new(
            &RedisServer::open(&url).unwrap(),
            &Supervisor::new(),
        ))
    })
    .await
    {
        let elsewhere = subgraph(State {
            pubsub: Arc::new(RedisPubSub::new(
                &RedisServer::open(&url).unwrap(),
                &Supervisor::new(),
            )),
            ..fixture.state.clone()
        });
        let row = fixture.ship().await;
        let mut here = fixture.watch(row.order_id);
        let mut there = SubscriptionSource::open(&elsewhere, Some(fixture.customer), row.order_id);
        for watcher in [&mut here, &mut there] {
            assert_eq!(watcher.sequences(1).await, [0]);
        }
        for minute in 0..30 {
            fixture
                .record_event(&row, &seen(InTransit, "a", at(9, minute)))
                .await;
        }
        for watcher in [&mut here, &mut there] {
            assert_eq!(watcher.sequences(30).await, (1..=30).collect::<Vec<_>>());
        }
        fixture.scratch.drop().await;
    }
}
