//! Parcels of orders are tracked from their registration on, with what is in them.

use platform::bus::Event;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tracking::TrackingStatus;
use tracking::workers::subscribers;
use uuid::Uuid;

use crate::fixture::{Fixture, at, fixtures, seen};

fn registered(fixture: &Fixture, order: Uuid, shipment: Uuid, number: &str) -> Event {
    let order_id = IdKind::Order.format(order);
    Event {
        id: Uuid::now_v7(),
        topic: "orders.events".to_owned(),
        event_type: "shipment.registered".to_owned(),
        aggregate_id: order_id.clone(),
        sequence: 3,
        occurred_at: at(14, 0),
        data: json!({
            "version": 1, "orderId": order_id,
            "customerId": IdKind::Customer.format(fixture.customer),
            "shipmentId": IdKind::Shipment.format(shipment), "carrier": "ups",
            "trackingNumber": number, "isComplete": false, "timestamp": at(14, 0),
            "lines": [{ "orderItemId": IdKind::OrderItem.format(Uuid::from_u128(7)), "quantity": 2 }],
        }),
        traceparent: None,
    }
}

impl Fixture {
    /// Handles the event; whether it could be.
    async fn told(&self, event: &Event) -> bool {
        let mut is_handled = true;
        for subscriber in subscribers() {
            let transaction = self.state.database.begin().await.unwrap();
            let handled = subscriber.handler.handle(&transaction, event, at(14, 10));
            if handled.await.is_ok() {
                transaction.commit().await.unwrap();
            } else {
                is_handled = false;
                transaction.rollback().await;
            }
        }
        is_handled
    }

    async fn parcels(&self, order: Uuid) -> Value {
        let document = "query($representations: [_Any!]!) {
            _entities(representations: $representations) { ... on Order { shipments {
                id carrier trackingNumber status lines { orderItem { id } quantity }
            } } }
        }";
        let order = json!({ "__typename": "Order", "id": IdKind::Order.format(order) });
        let answer = self
            .ask(document, json!({ "representations": [order] }))
            .await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["_entities"][0]["shipments"].clone()
    }
}

#[tokio::test]
async fn a_registered_parcel_is_shown_with_its_lines_and_told_to_those_who_watch() {
    for fixture in fixtures().await {
        let (order, shipment) = (fixture.unshipped, Uuid::now_v7());
        let mut watching = fixture.watch(order);
        assert_eq!(watching.update().await["status"], "NOT_SHIPPED");
        assert!(
            fixture
                .told(&registered(&fixture, order, shipment, "1z 1"))
                .await
        );
        let item = IdKind::OrderItem.format(Uuid::from_u128(7));
        assert_eq!(
            fixture.parcels(order).await,
            json!([{
                "id": IdKind::Shipment.format(shipment), "carrier": "UPS",
                "trackingNumber": "1Z1", "status": "LABEL_CREATED",
                "lines": [{ "orderItem": { "id": item }, "quantity": 2 }],
            }])
        );
        let db = fixture.state.database.read();
        let row = entities::tracking::shipment::by_id(db, shipment).await;
        let row = row.unwrap().unwrap();
        assert_eq!((row.sequence, row.created_at), (1, at(14, 0)));
        let scan = seen(TrackingStatus::Shipped, "Louisville KY", at(15, 0));
        fixture.record_event(&row, &scan).await;
        let update = watching.update().await;
        assert_eq!(update["sequence"], 2, "{update}");
        assert_eq!(update["status"], "SHIPPED");
    }
}

#[tokio::test]
async fn a_number_of_another_orders_parcel_is_not_taken() {
    for fixture in fixtures().await {
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(
            fixture
                .told(&registered(&fixture, first, Uuid::now_v7(), "1Z1"))
                .await
        );
        assert!(
            !fixture
                .told(&registered(&fixture, second, Uuid::now_v7(), "1Z1"))
                .await
        );
        assert_eq!(fixture.parcels(second).await, json!([]));
    }
}
