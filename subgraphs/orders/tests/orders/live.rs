//! `orderUpdated`: the current order, then each change, for its customer only.

use async_graphql::{Request, Response, Variables};
use chrono::Duration;
use futures::stream::{BoxStream, StreamExt};
use orders::workers::subscribers;
use platform::bus::Event;
use platform::caller::Caller;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::input;
use crate::fake_stripe::WORKS;
use crate::fixture::{Shop, now, ord, order, shops};
use crate::shipments::{line, parcel};

const WATCH: &str = "subscription($id: ID!, $after: Int) {
    orderUpdated(orderId: $id, after: $after) { sequence status paymentStatus timeline { event } }
}";

impl Shop {
    fn watch(&self, customer: Option<Uuid>, id: &Value, after: Option<i64>) -> Watched {
        let variables = json!({ "id": id, "after": after });
        let customer = customer.map(|customer| IdKind::Customer.format(customer));
        Watched(self.subgraph.execute_stream(move || {
            let request = Request::new(WATCH).variables(Variables::from_json(variables.clone()));
            let caller = customer.clone();
            (
                request,
                caller.map_or_else(Caller::default, Caller::customer),
            )
        }))
    }

    /// Delivers the newest event as the bus would.
    async fn announce(&self) {
        let newest = self.published().await.pop().unwrap();
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
        for subscriber in subscribers(&self.state) {
            let transaction = self.state.database.begin().await.unwrap();
            let handled = subscriber.handler.handle(&transaction, &event, now());
            handled.await.unwrap();
            transaction.commit().await.unwrap();
        }
    }
}

struct Watched(BoxStream<'static, Response>);

impl Watched {
    async fn next(&mut self) -> Value {
        serde_json::to_value(self.0.next().await.unwrap()).unwrap()
    }

    /// The next update's number and status.
    async fn update(&mut self) -> (i64, String) {
        let answer = self.next().await;
        let order = &answer["data"]["orderUpdated"];
        let sequence = order["sequence"].as_i64();
        let sequence = sequence.unwrap_or_else(|| panic!("{answer}"));
        (sequence, order["status"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn an_order_is_watched_from_how_it_is_through_every_change_and_resumed() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let mut watched = shop.watch(Some(shop.ada), id, None);
        assert_eq!(watched.update().await, (2, "CONFIRMED".to_owned()));
        // A client that has seen this waits for the next one; one that has not gets it.
        let mut resumed = shop.watch(Some(shop.ada), id, Some(2));
        let mut behind = shop.watch(Some(shop.ada), id, Some(1));
        assert_eq!(behind.update().await, (2, "CONFIRMED".to_owned()));
        // An order that has not changed is not sent again.
        shop.announce().await;
        shop.cancel(id, "c").await;
        shop.announce().await;
        for watched in [&mut watched, &mut resumed, &mut behind] {
            let update = watched.update().await;
            assert_eq!(update, (3, "CANCELLED".to_owned()), "{}", shop.scratch.name);
        }
        // Its payment is given up in the background.
        shop.work_after(Duration::minutes(1)).await;
        shop.announce().await;
        let answer = watched.next().await;
        let update = &answer["data"]["orderUpdated"];
        assert_eq!(update["sequence"], 4, "{answer}");
        assert_eq!(update["paymentStatus"], "RELEASED");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn each_change_of_a_parcels_status_is_an_update_of_its_order() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        let first = parcel("DHL1", json!([line(0, 1)]));
        shop.register(&first, "a").await;
        shop.register(&parcel("DHL2", Value::Null), "b").await;
        let mut watched = shop.watch(Some(shop.ada), &json!(ord(1)), None);
        assert_eq!(watched.update().await, (2, "CONFIRMED".to_owned()));
        for (number, status, sequence) in [
            // The order's status changes, too.
            ("DHL1", "shipped", 4),
            ("DHL1", "in_transit", 5),
            ("DHL1", "out_for_delivery", 6),
            ("DHL1", "delivery_attempted", 7),
            ("DHL1", "delivered", 8),
            ("DHL2", "shipped", 9),
            ("DHL2", "returning", 10),
        ] {
            shop.carrier_says(number, status, now()).await;
            shop.announce().await;
            let update = watched.update().await;
            assert_eq!(
                update,
                (sequence, "SHIPPED".to_owned()),
                "{number} {status}"
            );
        }
        let mut published = shop.published().await;
        published.retain(|event| event.event_type == "shipment.status_changed");
        let statuses: Vec<_> = published
            .iter()
            .map(|event| (&event.data["trackingNumber"], &event.data["status"]))
            .collect();
        assert_eq!(statuses.len(), 7, "{}", shop.scratch.name);
        assert_eq!(statuses[6], (&json!("DHL2"), &json!("returning")));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_its_customer_watches_an_order() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now())]).await;
        for (customer, id, code) in [
            (None, ord(1), "UNAUTHENTICATED"),
            (Some(shop.bob), ord(1), "FORBIDDEN"),
            (Some(shop.ada), ord(404), "NOT_FOUND"),
            (Some(shop.ada), "ret_1".to_owned(), "BAD_USER_INPUT"),
        ] {
            let mut watched = shop.watch(customer, &json!(id), None);
            let answer = watched.next().await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], code);
            assert!(watched.0.next().await.is_none());
        }
        shop.scratch.drop().await;
    }
}
