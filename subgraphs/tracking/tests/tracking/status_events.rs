//! The events with which other domains follow parcels and their orders.

use entities::tracking::shipment;
use serde_json::json;
use tracking::TrackingStatus::{Delivered, InTransit, Returning, Shipped};

use crate::fixture::{at, fixtures, seen};

#[tokio::test]
async fn each_new_status_is_published_once_and_each_place_is_not() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        for told in [
            seen(Shipped, "Warehouse, Chicago IL", at(8, 0)),
            seen(InTransit, "Sort Facility, Columbus OH", at(9, 0)),
            seen(InTransit, "Distribution Center, Newark NJ", at(10, 0)),
            seen(Delivered, "Front Door, Brooklyn NY", at(11, 0)),
        ] {
            fixture.record_event(&row, &told).await;
        }
        let events = fixture.events().await;
        let told: Vec<_> = events
            .iter()
            .map(|event| {
                assert_eq!(event.topic, "tracking.events");
                assert_eq!(event.event_type, "tracking.status_changed");
                let data = &event.data;
                (
                    event.sequence,
                    data["previousStatus"].as_str().unwrap(),
                    data["status"].as_str().unwrap(),
                    data["sequence"].as_i64().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (1, "label_created", "shipped", 1),
                (2, "shipped", "in_transit", 2),
                (3, "in_transit", "delivered", 4),
            ]
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_event_of_an_orders_last_delivery_says_that_all_is_delivered() {
    for fixture in fixtures().await {
        let first = fixture.ship().await;
        let second = fixture.ship_for(first.order_id).await;
        for (row, told) in [
            (&first, seen(Delivered, "Front Door, Brooklyn NY", at(8, 0))),
            (&second, seen(Shipped, "Warehouse, Chicago IL", at(9, 0))),
            (
                &second,
                seen(Delivered, "Front Door, Brooklyn NY", at(10, 0)),
            ),
        ] {
            fixture.record_event(row, &told).await;
        }
        let events = fixture.events().await;
        let told: Vec<_> = events
            .iter()
            .map(|event| &event.data["allDelivered"])
            .collect();
        assert_eq!(told, [false, false, true], "{}", fixture.scratch.name);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_is_delivered_when_its_last_parcel_was_whichever_was_reported_last() {
    for fixture in fixtures().await {
        let first = fixture.ship().await;
        let second = fixture.ship_for(first.order_id).await;
        for (row, hour) in [(&second, 12), (&first, 10)] {
            fixture
                .record_event(row, &seen(Delivered, "Front Door", at(hour, 0)))
                .await;
        }
        let third = fixture.ship().await;
        fixture
            .record_event(&third, &seen(Delivered, "Front Door", at(23, 0)))
            .await;
        let events = fixture.events().await;
        let delivered_at = |row: &shipment::Model| -> Vec<_> {
            let order = resolvers::id::IdKind::Order.format(row.order_id);
            let own = events.iter().filter(|event| event.aggregate_id == order);
            own.map(|event| event.data["deliveredAt"].clone()).collect()
        };
        let latest = json!("2025-10-03T12:00:00Z");
        assert_eq!(delivered_at(&first), [json!(null), latest]);
        // Not before it was reported.
        assert_eq!(delivered_at(&third), [json!("2025-10-03T14:10:00Z")]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_parcel_that_its_sender_has_again_was_not_delivered() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        for told in [
            seen(InTransit, "Hub, Memphis TN", at(8, 0)),
            seen(Returning, "Hub, Memphis TN", at(9, 0)),
            seen(Delivered, "Warehouse, Chicago IL", at(11, 0)),
            seen(InTransit, "Hub, Memphis TN", at(12, 0)),
        ] {
            fixture.record_event(&row, &told).await;
        }
        let id = resolvers::id::IdKind::Shipment.format(row.id);
        let document =
            "query($id: ID!) { shipment(id: $id) { status returnedToSender lastUpdate } }";
        let answer = fixture.ask(document, json!({ "id": id })).await;
        let expected = json!({ "status": "RETURNING", "returnedToSender": true,
            "lastUpdate": "2025-10-03T11:00:00.000Z" });
        assert_eq!(answer["data"]["shipment"], expected);
        let told: Vec<_> = fixture
            .events()
            .await
            .into_iter()
            .map(|event| {
                let data = &event.data;
                assert_eq!(data["allDelivered"], false);
                assert_eq!(data["deliveredAt"], json!(null));
                (
                    event.event_type,
                    data["status"].clone(),
                    data["returnedToSender"].clone(),
                )
            })
            .collect();
        let status = "tracking.status_changed".to_owned();
        let returned = "tracking.returned_to_sender".to_owned();
        assert_eq!(
            told,
            [
                (status.clone(), json!("in_transit"), json!(false)),
                (status, json!("returning"), json!(false)),
                (returned, json!("returning"), json!(true)),
            ]
        );
        fixture.scratch.drop().await;
    }
}
