//! A return's parcel is tracked as soon as it has a label.

use entities::tracking::shipment;
use platform::bus::Event;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tracking::workers::subscribers;
use uuid::Uuid;

use crate::fixture::{Fixture, at, fixtures};

fn label_generated(fixture: &Fixture, returned: Uuid, carrier: &str) -> Event {
    let return_id = IdKind::Return.format(returned);
    Event {
        id: Uuid::now_v7(),
        topic: "returns.events".to_owned(),
        event_type: "return.label_generated".to_owned(),
        aggregate_id: return_id.clone(),
        sequence: 2,
        occurred_at: at(14, 0),
        data: json!({
            "version": 1, "returnId": return_id, "orderId": IdKind::Order.format(fixture.unshipped),
            "customerId": IdKind::Customer.format(fixture.customer), "status": "label_generated",
            "previousStatus": "initiated", "actor": "system", "carrier": carrier,
            "trackingNumber": "9205590036297088857678", "expiresAt": at(15, 0), "fallbackDeadline": null,
        }),
        traceparent: None,
    }
}

async fn tell(fixture: &Fixture, event: &Event) {
    for subscriber in subscribers() {
        let transaction = fixture.state.database.begin().await.unwrap();
        let handled = subscriber.handler.handle(&transaction, event, at(14, 10));
        handled.await.unwrap();
        transaction.commit().await.unwrap();
    }
}

async fn parcel(fixture: &Fixture, returned: Uuid) -> Value {
    let answer = fixture
        .ask(
            "query($representations: [_Any!]!) { _entities(representations: $representations) {
               ... on Return { shipment { carrier status trackingNumber } } } }",
            json!({ "representations": [
                { "__typename": "Return", "id": IdKind::Return.format(returned) }
            ] }),
        )
        .await;
    answer["data"]["_entities"][0]["shipment"].clone()
}

#[tokio::test]
async fn a_printed_label_is_a_parcel_once() {
    for fixture in fixtures().await {
        let returned = Uuid::now_v7();
        let event = label_generated(&fixture, returned, "USPS");
        assert_eq!(parcel(&fixture, returned).await, Value::Null);
        tell(&fixture, &event).await;
        tell(&fixture, &event).await;
        assert_eq!(
            parcel(&fixture, returned).await,
            json!({
                "carrier": "USPS", "status": "LABEL_CREATED",
                "trackingNumber": "9205590036297088857678",
            })
        );
    }
}

#[tokio::test]
async fn a_parcel_is_as_old_as_its_label_however_late_the_event_arrives() {
    for fixture in fixtures().await {
        let returned = Uuid::now_v7();
        tell(&fixture, &label_generated(&fixture, returned, "USPS")).await;
        let db = fixture.state.database.read();
        let parcels = shipment::of_returns(db, fixture.customer, &[returned]).await;
        // The label's event, handled ten minutes later.
        assert_eq!(parcels.unwrap()[&returned].created_at, at(14, 0));
    }
}

#[tokio::test]
async fn a_carrier_that_nobody_follows_stops_nothing() {
    for fixture in fixtures().await {
        let returned = Uuid::now_v7();
        tell(&fixture, &label_generated(&fixture, returned, "Pigeon")).await;
        assert_eq!(parcel(&fixture, returned).await, Value::Null);
    }
}
