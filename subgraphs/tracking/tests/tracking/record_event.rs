//! Recording carriers' reports.

use chrono::Duration;
use entities::tracking::shipment;
use sea_orm::EntityTrait;
use serde_json::json;
use tracking::TrackingStatus::{
    Delivered, InTransit, LabelCreated, OutForDelivery, Returning, Shipped,
};
use tracking::{Observation, RecordError, RecordOutcome, record_event};
use uuid::Uuid;

use crate::fixture::{at, fixtures, parcel, seen};

#[tokio::test]
async fn a_late_event_is_in_the_history_in_its_time_order_and_leaves_the_status() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        for told in [
            seen(Shipped, "Warehouse, Chicago IL", at(8, 0)),
            seen(
                OutForDelivery,
                "Local Delivery Vehicle, Brooklyn NY",
                at(14, 8),
            ),
        ] {
            fixture.record_event(&row, &told).await;
        }
        let late = seen(InTransit, "Distribution Center, Newark NJ", at(14, 2));
        let recorded = fixture.record_event(&row, &late).await;
        let expected = RecordOutcome::Changed {
            sequence: 3,
            status: OutForDelivery,
        };
        assert_eq!(recorded, expected, "{}", fixture.scratch.name);
        let shipment = fixture.shipment(&row).await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(shipment, @r#"
            {
              "status": "OUT_FOR_DELIVERY",
              "lastUpdate": "2025-10-03T14:08:00.000Z",
              "estimatedDelivery": null,
              "stale": false,
              "history": [
                {
                  "status": "SHIPPED",
                  "location": "Warehouse, Chicago IL",
                  "timestamp": "2025-10-03T08:00:00.000Z"
                },
                {
                  "status": "IN_TRANSIT",
                  "location": "Distribution Center, Newark NJ",
                  "timestamp": "2025-10-03T14:02:00.000Z"
                },
                {
                  "status": "OUT_FOR_DELIVERY",
                  "location": "Local Delivery Vehicle, Brooklyn NY",
                  "timestamp": "2025-10-03T14:08:00.000Z"
                }
              ]
            }
            "#);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_event_is_recorded_once_however_often_it_is_told_at_once() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let told = seen(InTransit, "Sort Facility, Columbus OH", at(6, 0));
        let telling = (0..16).map(|_| fixture.record_event(&row, &told));
        let recorded = futures::future::join_all(telling).await;
        let changed = recorded
            .iter()
            .filter(|&&what| what != RecordOutcome::Known);
        assert_eq!(changed.count(), 1, "{}", fixture.scratch.name);
        let shipment = fixture.shipment(&row).await;
        assert_eq!(shipment["history"].as_array().unwrap().len(), 1);
        assert_eq!(fixture.events().await.len(), 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_new_estimate_for_a_known_event_is_a_change_and_an_old_one_is_none() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let mut told = seen(InTransit, "Hub, Memphis TN", at(6, 0));
        fixture.record_event(&row, &told).await;
        told.estimated_delivery = Some(at(18, 0));
        let recorded = fixture.record_event(&row, &told).await;
        let expected = RecordOutcome::Changed {
            sequence: 2,
            status: InTransit,
        };
        assert_eq!(recorded, expected);
        assert_eq!(
            fixture.record_event(&row, &told).await,
            RecordOutcome::Known
        );
        let late = Observation {
            estimated_delivery: Some(at(23, 0)),
            ..seen(Shipped, "Warehouse", at(5, 0))
        };
        fixture.record_event(&row, &late).await;
        let shipment = fixture.shipment(&row).await;
        assert_eq!(shipment["estimatedDelivery"], "2025-10-03T18:00:00.000Z");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn whatever_the_order_of_telling_the_parcel_ends_the_same() {
    let told = [
        seen(LabelCreated, "", at(7, 0)),
        seen(Shipped, "a", at(8, 0)),
        seen(InTransit, "b", at(9, 0)),
        seen(Delivered, "c", at(10, 0)),
        seen(InTransit, "d", at(11, 0)),
    ];
    for fixture in fixtures().await {
        for turn in 0..told.len() {
            let row = fixture.ship().await;
            let mut shuffled = told.clone();
            shuffled.rotate_left(turn);
            shuffled.swap(1, 3);
            for told in &shuffled {
                fixture.record_event(&row, told).await;
            }
            let shipment = fixture.shipment(&row).await;
            assert_eq!(shipment["status"], "DELIVERED", "{turn}");
            assert_eq!(shipment["lastUpdate"], "2025-10-03T10:00:00.000Z");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_returns_parcel_has_a_journey_of_its_own() {
    for fixture in fixtures().await {
        let out = fixture.ship().await;
        fixture
            .record_event(&out, &seen(Shipped, "a", at(8, 0)))
            .await;
        let back = shipment::Model {
            return_id: Some(Uuid::now_v7()),
            ..parcel(out.order_id, fixture.customer)
        };
        fixture.insert(back.clone()).await;
        let recorded = fixture
            .record_event(&back, &seen(InTransit, "b", at(9, 0)))
            .await;
        let first = RecordOutcome::Changed {
            sequence: 1,
            status: InTransit,
        };
        assert_eq!(recorded, first);
        let events = fixture.events().await;
        assert_eq!(events.len(), 2);
        assert_ne!(events[0].aggregate_id, events[1].aggregate_id);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_answer_makes_a_silent_parcel_fresh_even_when_it_is_no_news() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let told = seen(InTransit, "Hub, Memphis TN", at(6, 0));
        fixture.record_event(&row, &told).await;
        assert_eq!(fixture.shipment(&row).await["stale"], json!(false));
        fixture.state.clock.advance(Duration::minutes(31));
        assert_eq!(fixture.shipment(&row).await["stale"], json!(true));
        assert_eq!(
            fixture.record_event(&row, &told).await,
            RecordOutcome::Known
        );
        assert_eq!(fixture.shipment(&row).await["stale"], json!(false));
        let returning = seen(Returning, "Hub, Memphis TN", at(15, 0));
        fixture.record_event(&row, &returning).await;
        fixture.state.clock.advance(Duration::minutes(31));
        assert_eq!(fixture.shipment(&row).await["stale"], json!(true));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_parcel_that_is_gone_is_an_error_and_leaves_nothing() {
    for fixture in fixtures().await {
        let gone = parcel(Uuid::now_v7(), fixture.customer);
        let error = record_event(&fixture.state, &gone, &seen(Shipped, "a", at(8, 0)))
            .await
            .unwrap_err();
        assert!(matches!(error, RecordError::NoShipment(id) if id == gone.id));
        let left = entities::tracking::event::Entity::find()
            .all(fixture.state.database.read())
            .await
            .unwrap();
        assert!(left.is_empty());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_estimate_that_comes_with_a_late_event_is_kept_unless_a_newer_one_is_known() {
    for fixture in fixtures().await {
        let estimated = |status, hour, estimate| Observation {
            estimated_delivery: Some(at(estimate, 0)),
            ..seen(status, "Hub, Memphis TN", at(hour, 0))
        };
        let row = fixture.ship().await;
        fixture
            .record_event(&row, &seen(OutForDelivery, "Van", at(12, 0)))
            .await;
        fixture
            .record_event(&row, &estimated(InTransit, 9, 17))
            .await;
        let shown = fixture.shipment(&row).await;
        assert_eq!(shown["status"], "OUT_FOR_DELIVERY");
        assert_eq!(shown["estimatedDelivery"], "2025-10-03T17:00:00.000Z");
        fixture
            .record_event(&row, &estimated(InTransit, 10, 18))
            .await;
        fixture.record_event(&row, &estimated(Shipped, 8, 20)).await;
        let shown = fixture.shipment(&row).await;
        assert_eq!(shown["estimatedDelivery"], "2025-10-03T18:00:00.000Z");

        // A delivered parcel has no estimate.
        fixture
            .record_event(&row, &estimated(Delivered, 13, 19))
            .await;
        fixture
            .record_event(&row, &estimated(InTransit, 14, 21))
            .await;
        let shown = fixture.shipment(&row).await;
        assert_eq!(shown["status"], "DELIVERED");
        assert_eq!(shown["estimatedDelivery"], "2025-10-03T18:00:00.000Z");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_told_of_a_delivered_parcel_is_history_and_no_other_update() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let delivered = seen(Delivered, "Front Door, Brooklyn NY", at(10, 0));
        fixture.record_event(&row, &delivered).await;
        let mut watch = fixture.watch(row.order_id);
        assert_eq!(watch.sequences(1).await, [1]);
        for late in [
            seen(InTransit, "Hub, Memphis TN", at(8, 0)),
            seen(OutForDelivery, "Van", at(11, 0)),
            seen(Delivered, "Front Door, Brooklyn NY", at(10, 5)),
        ] {
            assert_eq!(
                fixture.record_event(&row, &late).await,
                RecordOutcome::HistoryOnly
            );
        }
        let shown = fixture.shipment(&row).await;
        assert_eq!(shown["history"].as_array().map(Vec::len), Some(4));
        assert_eq!(shown["lastUpdate"], "2025-10-03T10:00:00.000Z");
        // Sent back after all: the watcher receives it under the next number.
        let back = seen(Returning, "Brooklyn NY", at(12, 0));
        let changed = RecordOutcome::Changed {
            sequence: 2,
            status: Returning,
        };
        assert_eq!(fixture.record_event(&row, &back).await, changed);
        assert_eq!(watch.sequences(1).await, [2]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_time_in_the_future_counts_as_when_it_was_told_and_is_kept_as_said() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let early = seen(InTransit, "Hub, Memphis TN", at(20, 0));
        fixture.record_event(&row, &early).await;
        assert_eq!(
            fixture.record_event(&row, &early).await,
            RecordOutcome::Known
        );
        // The status is not frozen until then.
        fixture.state.clock.advance(Duration::minutes(5));
        let out = seen(OutForDelivery, "Van", at(14, 12));
        fixture.record_event(&row, &out).await;
        fixture.state.clock.advance(Duration::days(1));
        assert_eq!(
            fixture.record_event(&row, &early).await,
            RecordOutcome::Known
        );
        let document = "query($id: ID!) { shipment(id: $id) {
            status history { status timestamp carrierTime timeZoneAssumed } } }";
        let id = resolvers::id::IdKind::Shipment.format(row.id);
        let answer = fixture.ask(document, json!({ "id": id })).await;
        let expected = json!({ "status": "OUT_FOR_DELIVERY", "history": [
            { "status": "IN_TRANSIT", "timestamp": "2025-10-03T14:10:00.000Z",
              "carrierTime": "2025-10-03T20:00:00.000Z", "timeZoneAssumed": false },
            { "status": "OUT_FOR_DELIVERY", "timestamp": "2025-10-03T14:12:00.000Z",
              "carrierTime": "2025-10-03T14:12:00.000Z", "timeZoneAssumed": false },
        ] });
        assert_eq!(answer["data"]["shipment"], expected, "{answer}");
        fixture.scratch.drop().await;
    }
}
