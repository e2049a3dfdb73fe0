//! Payments that are authorized when the order is placed, and captured as its parcels are registered.

use axum::http::StatusCode;
use chrono::Duration;
use entities::orders::order_payment::{self, PaymentState};
use platform::providers::stripe::CaptureMethod;
use serde_json::{Value, json};

use crate::checkout::input;
use crate::fake_stripe::WORKS;
use crate::fixture::{Shop, shops};
use crate::invariants::violations;
use crate::webhooks::event;

/// Shops that capture on shipment.
async fn patient_shops() -> Vec<Shop> {
    let mut shops = shops().await;
    for shop in &mut shops {
        shop.state.capture_method = CaptureMethod::Manual;
        shop.subgraph = orders::subgraph(shop.state.clone());
    }
    shops
}

impl Shop {
    /// Status, captured amount and capturable amount of the only payment.
    fn at_stripe(&self) -> (String, i64, i64) {
        let intent = &self.stripe.intents()[0];
        (
            intent["status"].as_str().unwrap().to_owned(),
            intent["amount_received"].as_i64().unwrap(),
            intent["amount_capturable"].as_i64().unwrap(),
        )
    }

    async fn send_parcel(&self, order: &Value, number: &str, units: Option<i32>) {
        let items = "query($id: ID!) { order(id: $id) { items { id } } }";
        let data = self.ada_asks(items, json!({ "id": order })).await;
        let mut input = json!({ "orderId": order, "carrier": "UPS", "trackingNumber": number });
        if let Some(units) = units {
            let item = &data["order"]["items"][0]["id"];
            input["lines"] = json!([{ "orderItemId": item, "quantity": units }]);
        }
        let registered = self.register(&input, number).await;
        assert_eq!(registered["userErrors"], json!([]));
    }

    /// The payment's status, and what the order says was captured, in minor units.
    async fn paid(&self, order: &Value) -> (String, i64) {
        let document = "query($id: ID!) {
            order(id: $id) { paymentStatus capturedAmount { amount } }
        }";
        let data = self.ada_asks(document, json!({ "id": order })).await;
        let status = data["order"]["paymentStatus"].as_str().unwrap().to_owned();
        let captured = data["order"]["capturedAmount"]["amount"].as_str().unwrap();
        (status, captured.replace('.', "").parse().unwrap())
    }

    /// The reasons of the alerts about authorizations.
    async fn authorization_alerts(&self) -> Vec<Value> {
        let events = self.published().await.into_iter();
        events
            .filter(|event| event.event_type == "order.authorization_alert")
            .map(|event| event.data["reason"].clone())
            .collect()
    }

    fn capture_calls(&self) -> usize {
        let calls = self.stripe.calls();
        calls
            .iter()
            .filter(|call| call.ends_with("/capture"))
            .count()
    }
}

#[tokio::test]
async fn a_payment_is_authorized_then_captured_by_parcel() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        assert_eq!(placed["order"]["status"], "CONFIRMED");
        let (status, captured, total) = shop.at_stripe();
        assert_eq!((status.as_str(), captured), ("requires_capture", 0));
        assert_eq!(shop.payment().await.state, PaymentState::Authorized);

        shop.send_parcel(id, "P1", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        let (status, first, left) = shop.at_stripe();
        assert_eq!(status, "requires_capture");
        assert!(
            first > 0 && left > 0 && first + left == total,
            "{first} {left}"
        );
        assert_eq!(shop.payment().await.state, PaymentState::Authorized);
        // Nothing more for the same parcel.
        shop.work_after(Duration::days(1)).await;
        assert_eq!(shop.capture_calls(), 1);

        shop.send_parcel(id, "P2", None).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.at_stripe(), ("succeeded".to_owned(), total, 0));
        let payment = shop.payment().await;
        assert_eq!(payment.state, PaymentState::Captured);
        assert_eq!(payment.captured_amount, Some(total));
        let story = "CONFIRMED: order.placed, order.confirmed, order.payment_captured, order.payment_captured";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_can_be_captured_once_is_captured_whole_with_the_first_parcel() {
    for shop in patient_shops().await {
        shop.stripe.capture_once();
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let (_, _, total) = shop.at_stripe();
        shop.send_parcel(id, "P1", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.at_stripe(), ("succeeded".to_owned(), total, 0));
        shop.send_parcel(id, "P2", None).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.capture_calls(), 1, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_capture_whose_answer_is_lost_is_made_once() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.stripe.lose("/capture", 100);
        shop.send_parcel(id, "P1", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        let (_, first, left) = shop.at_stripe();
        assert_eq!(shop.payment().await.state, PaymentState::CaptureRequested);
        shop.stripe.lose("/capture", 0);
        shop.work_after(Duration::hours(1)).await;
        let (status, captured, still_left) = shop.at_stripe();
        assert_eq!(
            (status.as_str(), captured, still_left),
            ("requires_capture", first, left)
        );
        assert_eq!(shop.payment().await.captured_amount, Some(first));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_cancelled_order_that_was_not_captured_is_voided_and_not_refunded() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.cancel(id, "c").await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.at_stripe().0, "canceled");
        assert!(shop.stripe.refunds().is_empty());
        assert_eq!(shop.payment().await.state, PaymentState::Released);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_authorization_that_ends_unused_cancels_the_order() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.stripe.expire("pi_1");
        let intent = shop.stripe.intents()[0].clone();
        let told = event("evt_1", "payment_intent.canceled", &intent);
        assert_eq!(shop.tell(&told).await, StatusCode::OK);
        let story = "CANCELLED: order.placed, order.confirmed, order.cancelled";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        let published = shop.published().await;
        assert_eq!(published[2].data["reason"], "authorization_expired");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_was_sent_without_money_waits_for_a_person() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.stripe.expire("pi_1");
        shop.send_parcel(id, "P1", None).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.payment().await.state, PaymentState::NeedsReview);
        let last = shop.published().await.pop().unwrap();
        assert_eq!(last.event_type, "order.authorization_alert");
        assert_eq!(
            last.data["reason"], "capture_failed",
            "{}",
            shop.scratch.name
        );
        assert_eq!(shop.queue().await, ["CAPTURE_FAILED"]);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);
        // Paid in another way: nothing waits for a person any more.
        shop.decided(id, "RESOLVE").await;
        assert_eq!(shop.paid(id).await, ("RELEASED".to_owned(), 0));
        assert_eq!(shop.queue().await, [""; 0]);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_authorization_that_ends_after_a_parcel_leaves_the_rest_to_a_person() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.send_parcel(id, "P1", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        let (_, first, _) = shop.at_stripe();
        assert_eq!(
            shop.paid(id).await,
            ("PARTIALLY_CAPTURED".to_owned(), first)
        );
        // Nobody is told of it.
        shop.stripe.release_rest("pi_1");
        shop.send_parcel(id, "P2", None).await;
        shop.work_after(Duration::seconds(1)).await;

        assert_eq!(shop.payment().await.state, PaymentState::NeedsReview);
        assert_eq!(shop.paid(id).await, ("IN_REVIEW".to_owned(), first));
        assert_eq!(shop.queue().await, ["CAPTURE_FAILED"]);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);
        let retried = shop.decide(id, "RETRY_PAYMENT").await;
        assert_eq!(retried["userErrors"][0]["code"], "DECISION_NOT_POSSIBLE");
        shop.decided(id, "RESOLVE").await;

        // The event comes late, and what support has accepted stays so.
        let intent = shop.stripe.intents()[0].clone();
        for number in 1..=2 {
            let told = event(
                &format!("evt_{number}"),
                "payment_intent.succeeded",
                &intent,
            );
            assert_eq!(shop.tell(&told).await, StatusCode::OK);
        }
        assert_eq!(
            shop.paid(id).await,
            ("PARTIALLY_CAPTURED".to_owned(), first)
        );
        assert_eq!(shop.authorization_alerts().await, ["capture_failed"]);
        assert_eq!(shop.queue().await, [""; 0]);
        assert_eq!(shop.capture_calls(), 1);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn no_parcel_is_registered_while_the_payment_waits_for_a_person() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.send_parcel(id, "P1", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        shop.stripe.release_rest("pi_1");
        let intent = shop.stripe.intents()[0].clone();
        for number in 1..=2 {
            let told = event(
                &format!("evt_{number}"),
                "payment_intent.succeeded",
                &intent,
            );
            assert_eq!(shop.tell(&told).await, StatusCode::OK);
        }
        assert_eq!(shop.authorization_alerts().await, ["capture_failed"]);
        assert_eq!(shop.queue().await, ["CAPTURE_FAILED"]);
        let parcel = json!({ "orderId": id, "carrier": "UPS", "trackingNumber": "P2" });
        let refused = shop.register(&parcel, "waits").await;
        assert_eq!(refused["userErrors"][0]["code"], "ORDER_NOT_SHIPPABLE");
        shop.decided(id, "RESOLVE").await;
        shop.send_parcel(id, "P2", None).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.capture_calls(), 1, "{}", shop.scratch.name);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_was_asked_about_again_and_is_held_is_captured_with_its_parcel() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let asked_again = order_payment::Model {
            state: PaymentState::AwaitingCustomer,
            ..shop.payment().await
        };
        let db = shop.scratch.database.write();
        order_payment::update(db, asked_again).await.unwrap();
        let intent = shop.stripe.intents()[0].clone();
        let told = event("evt_1", "payment_intent.amount_capturable_updated", &intent);
        assert_eq!(shop.tell(&told).await, StatusCode::OK);
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.payment().await.state, PaymentState::Authorized);
        shop.send_parcel(id, "P1", None).await;
        shop.work_after(Duration::seconds(1)).await;
        let payment = shop.payment().await;
        assert_eq!(
            payment.state,
            PaymentState::Captured,
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_authorization_that_ends_after_a_part_was_captured_does_not_cancel_what_is_on_its_way() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let stock = shop.stock_of(1).await;
        shop.send_parcel(id, "P1", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.payment().await.state, PaymentState::Authorized);
        shop.stripe.expire("pi_1");
        let intent = shop.stripe.intents()[0].clone();
        let event = event("evt_1", "payment_intent.canceled", &intent);
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        let story = "CONFIRMED: order.placed, order.confirmed, order.payment_captured";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        assert_eq!(shop.payment().await.state, PaymentState::NeedsReview);
        assert_eq!(shop.queue().await, ["CAPTURE_FAILED"]);
        assert_eq!(shop.stock_of(1).await, stock);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn units_that_are_sent_again_are_captured_once() {
    for shop in patient_shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let (_, _, total) = shop.at_stripe();
        shop.send_parcel(id, "P1", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        let (_, first, _) = shop.at_stripe();
        shop.comes_back(id, "ups", "P1").await;
        // The same unit, not the other one.
        shop.send_parcel(id, "P2", Some(1)).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.at_stripe().1, first, "{}", shop.scratch.name);
        shop.send_parcel(id, "P3", None).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.at_stripe(), ("succeeded".to_owned(), total, 0));
        shop.comes_back(id, "ups", "P3").await;
        shop.send_parcel(id, "P4", None).await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.at_stripe().1, total);
        assert_eq!(shop.capture_calls(), 2);
        shop.scratch.drop().await;
    }
}
