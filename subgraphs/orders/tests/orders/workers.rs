//! Orders follow their parcels: tracking events arrive over the bus and show in the graph.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use orders::workers::subscribers;
use platform::bus::{Event, EventBus, InProcessBus};
use platform::inbox::{self, Deliverer, Receiver};
use platform::tables::outbox_event;
use platform::testing::until;
use platform::workers::WorkerContext;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{Shop, now, ord, order, shops};

/// Tracking's event for a parcel of an order.
fn status_changed(number: u128, sequence: i64, status: &str, at: DateTime<Utc>) -> Arc<Event> {
    Arc::new(Event {
        id: Uuid::now_v7(),
        topic: "tracking.events".to_owned(),
        event_type: "tracking.status_changed".to_owned(),
        aggregate_id: ord(number),
        sequence,
        occurred_at: now(),
        data: json!({
            "version": 1, "orderId": ord(number), "returnId": null, "customerId": "usr_1",
            "shipmentId": "shp_1", "carrier": "dhl", "trackingNumber": "DHL1",
            "previousStatus": "label_created", "status": status,
            "allDelivered": status == "delivered", "location": null, "timestamp": at,
            "estimatedDelivery": null, "sequence": sequence,
        }),
        traceparent: None,
    })
}

/// The shop's running consumers.
struct Running {
    bus: Arc<InProcessBus>,
    context: WorkerContext,
    tasks: JoinSet<()>,
}

impl Running {
    fn over(shop: &Shop) -> Self {
        let bus = Arc::new(InProcessBus::new());
        let stop = CancellationToken::new();
        let database = &shop.scratch.database;
        let context = WorkerContext::new(database, bus.clone(), shop.clock.clone(), stop);
        let mut tasks = JoinSet::new();
        for subscriber in subscribers(&shop.state) {
            tasks.spawn(Receiver::join(context.clone(), &subscriber).unwrap().run());
            tasks.spawn(Deliverer::new(context.clone(), subscriber).run());
        }
        Self {
            bus,
            context,
            tasks,
        }
    }

    /// Publishes events until all are received, and waits until all are handled or given up.
    async fn tell(&self, events: &[Arc<Event>]) {
        until("the events are received", async || {
            self.bus.publish(events).await.iter().all(Result::is_ok)
        })
        .await;
        let db = self.context.database.read();
        until("the events are handled", async || {
            inbox::waiting(db, "orders.tracking").await.unwrap() == 0
        })
        .await;
    }

    async fn stop(mut self) {
        self.context.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

async fn shown(shop: &Shop, number: u128) -> Value {
    let document = "query($id: ID!) { order(id: $id) {
        status deliveredAt timeline { event timestamp actor }
    } }";
    let mut data = shop.ada_asks(document, json!({ "id": ord(number) })).await;
    data["order"].take()
}

#[tokio::test]
async fn an_order_is_shipped_and_delivered_when_its_parcels_are_and_says_so_once() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        let running = Running::over(&shop);
        let (left, arrived) = (now() - Duration::days(2), now() - Duration::hours(1));
        let events = [
            status_changed(1, 1, "shipped", left),
            status_changed(1, 2, "in_transit", left + Duration::hours(3)),
            status_changed(1, 3, "delivered", arrived),
        ];
        running.tell(&events[..1]).await;
        assert_eq!(shown(&shop, 1).await["status"], "SHIPPED");
        // Each is published twice.
        running.tell(&events).await;
        running.tell(&events).await;
        let order = shown(&shop, 1).await;
        assert_eq!(order["status"], "DELIVERED", "{}", shop.scratch.name);
        assert_eq!(order["deliveredAt"], "2025-10-09T13:30:00.000Z");
        let timeline = &order["timeline"].as_array().unwrap()[2..];
        assert_eq!(
            timeline,
            [
                json!({ "event": "order.shipped", "timestamp": "2025-10-07T14:30:00.000Z", "actor": "carrier" }),
                json!({ "event": "order.delivered", "timestamp": "2025-10-09T13:30:00.000Z", "actor": "carrier" }),
            ]
        );

        let rows = outbox_event::Entity::find()
            .order_by_asc(outbox_event::Column::Sequence)
            .all(shop.scratch.database.read())
            .await
            .unwrap();
        let published: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row.topic.as_str(),
                    row.event_type.as_str(),
                    &row.data["status"],
                )
            })
            .collect();
        let parcel = "shipment.status_changed";
        assert_eq!(
            published,
            [
                ("orders.events", parcel, &json!("shipped")),
                ("orders.events", "order.shipped", &json!("shipped")),
                ("orders.events", parcel, &json!("in_transit")),
                ("orders.events", parcel, &json!("delivered")),
                ("orders.events", "order.delivered", &json!("delivered")),
            ]
        );
        running.stop().await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_is_delivered_when_its_last_parcel_was_and_never_in_the_future() {
    for shop in shops().await {
        let placed = now() - Duration::days(3);
        shop.stock(vec![order(1, shop.ada, placed), order(2, shop.ada, placed)])
            .await;
        let running = Running::over(&shop);
        // The parcel reported last was delivered before another.
        let (early, late) = (now() - Duration::hours(5), now() - Duration::hours(2));
        let mut last = Arc::unwrap_or_clone(status_changed(1, 1, "delivered", early));
        last.data["deliveredAt"] = json!(late);
        let tomorrow = status_changed(2, 1, "delivered", now() + Duration::days(1));
        running.tell(&[Arc::new(last), tomorrow]).await;
        let delivered = [shown(&shop, 1).await, shown(&shop, 2).await];
        assert_eq!(delivered[0]["deliveredAt"], "2025-10-09T12:30:00.000Z");
        assert_eq!(delivered[1]["deliveredAt"], "2025-10-09T14:30:00.000Z");
        running.stop().await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_parcel_that_its_sender_has_again_leaves_the_order_as_it_is() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        let running = Running::over(&shop);
        let back = |sequence, event_type: &str| {
            let mut event = Arc::unwrap_or_clone(status_changed(1, sequence, "returning", now()));
            event.event_type = event_type.to_owned();
            event.data["returnedToSender"] = json!(sequence == 3);
            Arc::new(event)
        };
        running
            .tell(&[
                status_changed(1, 1, "shipped", now() - Duration::days(1)),
                back(2, "tracking.status_changed"),
                back(3, "tracking.returned_to_sender"),
            ])
            .await;
        let order = shown(&shop, 1).await;
        assert_eq!(order["status"], "SHIPPED", "{}", shop.scratch.name);
        assert_eq!(order["deliveredAt"], Value::Null);
        running.stop().await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_parcel_that_comes_back_and_one_of_several_leave_the_order_as_it_is() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        let running = Running::over(&shop);
        let mut back = Arc::unwrap_or_clone(status_changed(1, 1, "delivered", now()));
        back.data["returnId"] = json!("ret_1");
        running.tell(&[Arc::new(back)]).await;
        assert_eq!(shown(&shop, 1).await["status"], "CONFIRMED");
        let mut first = Arc::unwrap_or_clone(status_changed(1, 2, "delivered", now()));
        first.data["allDelivered"] = json!(false);
        running.tell(&[Arc::new(first)]).await;
        let order = shown(&shop, 1).await;
        assert_eq!(order["status"], "SHIPPED", "{}", shop.scratch.name);
        assert_eq!(order["deliveredAt"], Value::Null);
        running.stop().await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn word_of_an_order_that_is_not_there_is_a_dead_letter() {
    for shop in shops().await {
        let running = Running::over(&shop);
        running
            .tell(&[status_changed(404, 1, "shipped", now())])
            .await;
        let db = shop.scratch.database.read();
        let dead = inbox::dead_letters(db, 10).await.unwrap();
        assert_eq!(dead.len(), 1, "{}", shop.scratch.name);
        let error = dead[0].last_error.as_deref().unwrap();
        assert!(error.contains("there is no order ord_"), "{error}");
        running.stop().await;
        shop.scratch.drop().await;
    }
}
