//! `returnUpdated` on each database: the current return, then each change, for its customer only.

use async_graphql::{Request, Response, Variables};
use futures::stream::{BoxStream, StreamExt};
use platform::bus::Event;
use platform::caller::Caller;
use resolvers::id::IdKind;
use returns::transitions::{Actor, Transition};
use returns::workers::subscribers;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{CUSTOMER, Fixture, STRANGER, fixtures, monitor, monitor_order, now, stored};

const WATCH: &str = "subscription($id: ID!) {
  returnUpdated(returnId: $id) { sequence status label { carrier } timeline { event } }
}";

fn watch(fixture: &Fixture, customer: Option<Uuid>, id: &str) -> BoxStream<'static, Response> {
    let variables = json!({ "id": id });
    let caller = customer.map(|customer| IdKind::Customer.format(customer));
    fixture.subgraph.execute_stream(move || {
        let request = Request::new(WATCH).variables(Variables::from_json(variables.clone()));
        let caller = caller
            .clone()
            .map_or_else(Caller::default, Caller::customer);
        (request, caller)
    })
}

async fn next(watched: &mut BoxStream<'static, Response>) -> Value {
    serde_json::to_value(watched.next().await.unwrap()).unwrap()
}

/// Cancels the return and delivers its event as the bus would.
async fn cancel(fixture: &Fixture, id: Uuid) {
    let cancelled = fixture.advance(id, &Transition::Cancelled, Actor::Support);
    cancelled.await.unwrap();
    announce(fixture).await;
}

/// Delivers the newest event once more.
async fn announce(fixture: &Fixture) {
    let newest = fixture.events().await.pop().unwrap();
    let event = Event {
        id: Uuid::now_v7(),
        topic: newest.topic,
        event_type: newest.event_type,
        aggregate_id: newest.aggregate_id,
        sequence: newest.sequence,
        occurred_at: now(),
        data: newest.data,
        traceparent: None,
    };
    deliver(fixture, &event).await;
}

/// Delivers tracking's event about a parcel, of this return if it is one's, and what the return publishes then.
async fn tracking_says(fixture: &Fixture, id: Option<&str>, kind: &str, status: &str) {
    let order = IdKind::Order.format(monitor_order().id);
    let event = Event {
        id: Uuid::now_v7(),
        topic: "tracking.events".to_owned(),
        event_type: kind.to_owned(),
        aggregate_id: id.unwrap_or(&order).to_owned(),
        sequence: 1,
        occurred_at: now(),
        data: json!({
            "version": 1, "orderId": order, "returnId": id, "carrier": "usps",
            "trackingNumber": "9400", "previousStatus": "shipped", "status": status,
            "allDelivered": false, "timestamp": now(),
        }),
        traceparent: None,
    };
    deliver(fixture, &event).await;
}

/// Delivers an event to the consumer of its topic.
async fn deliver(fixture: &Fixture, event: &Event) {
    let subscribers = subscribers(&fixture.state);
    let subscriber = subscribers
        .iter()
        .find(|subscriber| subscriber.group.topics.contains(&event.topic.as_str()))
        .expect("a consumer of the topic");
    let transaction = fixture.scratch.database.begin().await.unwrap();
    let handled = subscriber.handler.handle(&transaction, event, now());
    handled.await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_return_is_watched_from_how_it_is_through_every_change() {
    for fixture in fixtures(&[monitor_order()]).await {
        let made = stored(50, CUSTOMER, monitor_order().id, monitor().id, 1);
        let id = made.row.id;
        fixture.store(vec![made]).await;
        let mut watched = watch(&fixture, Some(CUSTOMER), &IdKind::Return.format(id));
        let first = next(&mut watched).await;
        let shown = &first["data"]["returnUpdated"];
        assert_eq!(shown["status"], "LABEL_GENERATED", "{first}");
        assert_eq!(shown["label"]["carrier"], "USPS");
        cancel(&fixture, id).await;
        // An unchanged return is not sent again: the next message is the cancellation, and the only one.
        announce(&fixture).await;
        let second = next(&mut watched).await;
        let shown = &second["data"]["returnUpdated"];
        assert_eq!(
            (&shown["status"], &shown["label"]),
            (&json!("CANCELLED"), &Value::Null)
        );
        let timeline = shown["timeline"].as_array().unwrap();
        assert!(
            timeline.contains(&json!({ "event": "cancelled" })),
            "{shown}"
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn each_status_of_its_parcel_is_an_update_of_a_return() {
    for fixture in fixtures(&[monitor_order()]).await {
        let made = stored(50, CUSTOMER, monitor_order().id, monitor().id, 1);
        let id = IdKind::Return.format(made.row.id);
        fixture.store(vec![made]).await;
        let mut watched = watch(&fixture, Some(CUSTOMER), &id);
        let first = next(&mut watched).await;
        assert_eq!(first["data"]["returnUpdated"]["sequence"], 0, "{first}");
        let changed = "tracking.status_changed";
        // A parcel of the order is none of the return's.
        tracking_says(&fixture, None, changed, "delivered").await;
        assert_eq!(fixture.events().await.len(), 0);
        for (kind, status, sequence) in [
            (changed, "in_transit", 1),
            (changed, "out_for_delivery", 2),
            (changed, "returning", 3),
            ("tracking.returned_to_sender", "returning", 4),
        ] {
            tracking_says(&fixture, Some(&id), kind, status).await;
            announce(&fixture).await;
            let update = next(&mut watched).await;
            let shown = &update["data"]["returnUpdated"];
            assert_eq!(shown["sequence"], sequence, "{kind} {status} {update}");
            assert_eq!(shown["status"], "LABEL_GENERATED");
        }
        let (kind, data) = fixture.published().await.pop().unwrap();
        assert_eq!(kind, "return.shipment_status_changed");
        assert_eq!(data["returnedToSender"], true);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_its_customer_watches_a_return() {
    for fixture in fixtures(&[monitor_order()]).await {
        let made = stored(50, CUSTOMER, monitor_order().id, monitor().id, 1);
        let id = IdKind::Return.format(made.row.id);
        fixture.store(vec![made]).await;
        let missing = IdKind::Return.format(Uuid::from_u128(404));
        for (customer, id, code) in [
            (None, id.as_str(), "UNAUTHENTICATED"),
            (Some(STRANGER), id.as_str(), "FORBIDDEN"),
            (Some(CUSTOMER), missing.as_str(), "NOT_FOUND"),
            (Some(CUSTOMER), "ord_1", "BAD_USER_INPUT"),
        ] {
            let mut watched = watch(&fixture, customer, id);
            let answer = next(&mut watched).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], code);
            assert!(watched.next().await.is_none());
        }
        fixture.scratch.drop().await;
    }
}
