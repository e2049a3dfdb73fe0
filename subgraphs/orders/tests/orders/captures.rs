//! Payments that are authorized when the order is placed, and captured as its parcels are registered.

use chrono::Duration;
use entities::orders::order_payment::PaymentState;
use platform::providers::stripe::CaptureMethod;
use serde_json::{Value, json};

use crate::checkout::input;
use crate::fake_stripe::WORKS;
use crate::fixture::{Shop, shops};

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
        let event = crate::webhooks::event("evt_1", "payment_intent.canceled", &intent);
        assert_eq!(shop.tell(&event).await, axum::http::StatusCode::OK);
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
        assert_eq!(last.event_type, "order.support_alert");
        assert_eq!(
            last.data["reason"], "capture_failed",
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}
