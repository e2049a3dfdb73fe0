//! What Stripe tells: believed when it is signed and new, and of one effect however it comes.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::Duration;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::checkout::input;
use crate::shop::{Shop, now, ord, order, shops};
use crate::stripe::{NEEDS_ACTION, WEBHOOK_SECRET, WORKS, signature};

pub(crate) fn event(id: &str, kind: &str, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "created": now().timestamp(),
        "data": { "object": object },
    })
}

/// The payment of the only order, as it would be told with this status.
fn intent(shop: &Shop, status: &str) -> Value {
    let mut intent = shop.stripe.intents()[0].clone();
    intent["status"] = json!(status);
    intent
}

impl Shop {
    async fn send(&self, body: &[u8], signature: Option<&str>) -> StatusCode {
        let mut request = Request::post("/webhooks/stripe");
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let answer = orders::routes(self.state.clone()).oneshot(request).await;
        answer.unwrap().status()
    }

    /// Sends an event as Stripe does.
    pub(crate) async fn tell(&self, event: &Value) -> StatusCode {
        let body = event.to_string().into_bytes();
        let signature = signature(WEBHOOK_SECRET, self.clock.now().timestamp(), &body);
        self.send(&body, Some(&signature)).await
    }
}

#[tokio::test]
async fn a_payment_that_went_through_confirms_its_order_at_once() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        let event = event(
            "evt_1",
            "payment_intent.succeeded",
            &intent(&shop, "succeeded"),
        );
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        let story = "CONFIRMED: order.placed, order.confirmed";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_failed_at_the_bank_cancels_its_order() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        shop.stripe.act("pi_1", "requires_payment_method");
        let failed = intent(&shop, "requires_payment_method");
        let event = event("evt_1", "payment_intent.payment_failed", &failed);
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        shop.work_after(Duration::seconds(2)).await;
        shop.work_after(Duration::seconds(2)).await;
        let story = "CANCELLED: order.placed, order.cancelled";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        assert_eq!(shop.stripe.intents()[0]["status"], "canceled");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn forged_and_old_webhooks_are_refused_without_effect() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        let event = event(
            "evt_1",
            "payment_intent.succeeded",
            &intent(&shop, "succeeded"),
        );
        let body = event.to_string().into_bytes();
        let seconds = shop.clock.now().timestamp();
        let genuine = signature(WEBHOOK_SECRET, seconds, &body);
        let mut tampered = body.clone();
        *tampered.last_mut().unwrap() = b' ';
        let cases = [
            (&body, None),
            (&body, Some("t=1,v1=00".to_owned())),
            (
                &body,
                Some(signature("whsec_of_somebody_else", seconds, &body)),
            ),
            (&body, Some(signature(WEBHOOK_SECRET, seconds - 301, &body))),
            (&body, Some(signature(WEBHOOK_SECRET, seconds + 301, &body))),
            (&tampered, Some(genuine.clone())),
        ];
        for (body, signature) in cases {
            let status = shop.send(body, signature.as_deref()).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{signature:?}");
        }
        assert_eq!(shop.story(id).await, "PENDING: order.placed");
        assert_eq!(shop.send(&body, Some(&genuine)).await, StatusCode::OK);
        let story = "CONFIRMED: order.placed, order.confirmed";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_of_no_order_or_of_no_interest_is_taken_and_forgotten() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        let succeeded = intent(&shop, "succeeded");
        let mut of_nobody = succeeded.clone();
        of_nobody["metadata"] = json!({});
        let mut of_another_payment = succeeded.clone();
        of_another_payment["id"] = json!("pi_404");
        let mut of_no_order = succeeded.clone();
        of_no_order["metadata"]["order"] = json!(ord(404));
        let events = [
            event("evt_1", "customer.created", &json!({ "id": "cus_1" })),
            event("evt_2", "payment_intent.new_kind", &succeeded),
            event("evt_3", "payment_intent.succeeded", &json!({ "id": 5 })),
            event("evt_4", "payment_intent.succeeded", &of_nobody),
            event("evt_5", "payment_intent.succeeded", &of_another_payment),
            event("evt_6", "payment_intent.succeeded", &of_no_order),
        ];
        for event in &events {
            assert_eq!(shop.tell(event).await, StatusCode::OK, "{event}");
        }
        let story = shop.story(id).await;
        assert_eq!(story, "PENDING: order.placed", "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn money_that_comes_after_the_cancellation_is_given_back() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        shop.cancel(id, "c").await;
        shop.stripe.act("pi_1", "succeeded");
        let event = event(
            "evt_1",
            "payment_intent.succeeded",
            &intent(&shop, "succeeded"),
        );
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        shop.work_after(Duration::seconds(2)).await;
        let story = "CANCELLED: order.placed, order.cancelled, order.refunded";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        shop.work_after(Duration::days(1)).await;
        assert_eq!(shop.stripe.refunds().len(), 1);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refund_that_the_bank_refuses_is_left_to_people() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        shop.cancel(&placed["order"]["id"], "c").await;
        shop.work_after(Duration::seconds(2)).await;
        assert_eq!(shop.payment().await.state, "released");
        let mut refund = shop.stripe.refunds()[0].clone();
        refund["status"] = json!("failed");
        refund["failure_reason"] = json!("expired_or_canceled_card");
        assert_eq!(
            shop.tell(&event("evt_1", "refund.failed", &refund)).await,
            StatusCode::OK
        );
        assert_eq!(shop.payment().await.state, "stuck", "{}", shop.scratch.name);
        // What was told before it comes late.
        refund["status"] = json!("succeeded");
        assert_eq!(
            shop.tell(&event("evt_2", "refund.created", &refund)).await,
            StatusCode::OK
        );
        assert_eq!(shop.payment().await.state, "stuck");
        shop.scratch.drop().await;
    }
}

/// Every event five times, in any order, with the job at work in between.
#[tokio::test]
async fn however_webhooks_come_an_order_ends_the_same() {
    const SEEDS: u64 = 100;
    for shop in shops().await {
        for seed in 0..SEEDS {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let number = u128::from(seed) + 1;
            let intent_id = format!("pi_{number}");
            let placed = shop.place(&input(NEEDS_ACTION), &seed.to_string()).await;
            let id = &placed["order"]["id"];
            // The first card fails in the browser, the second works: what Stripe says now is final.
            shop.stripe.act(&intent_id, "succeeded");
            let told = |status: &str| {
                json!({
                    "id": intent_id, "status": status, "amount": 1, "currency": "eur",
                    "metadata": { "order": id },
                })
            };
            let name = |name: &str| format!("evt_{seed}_{name}");
            let events = [
                event(
                    &name("action"),
                    "payment_intent.requires_action",
                    &told("requires_action"),
                ),
                event(
                    &name("failed"),
                    "payment_intent.payment_failed",
                    &told("requires_payment_method"),
                ),
                event(
                    &name("processing"),
                    "payment_intent.processing",
                    &told("processing"),
                ),
                event(
                    &name("done"),
                    "payment_intent.succeeded",
                    &told("succeeded"),
                ),
                event(
                    &name("charge"),
                    "charge.succeeded",
                    &json!({ "id": "ch_1" }),
                ),
            ];
            let mut deliveries: Vec<_> = events.iter().cycle().take(events.len() * 5).collect();
            deliveries.shuffle(&mut random);
            for (position, event) in deliveries.into_iter().enumerate() {
                assert_eq!(shop.tell(event).await, StatusCode::OK);
                if seed % 20 == 0 && position % 7 == 0 {
                    shop.work_after(Duration::seconds(2)).await;
                }
            }
            let story = "CONFIRMED: order.placed, order.confirmed";
            assert_eq!(
                shop.story(id).await,
                story,
                "seed {seed} on {}",
                shop.scratch.name
            );
        }
        assert_eq!(shop.stripe.refunds(), [] as [Value; 0]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn without_a_secret_there_is_no_endpoint() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now())]).await;
        let mut state = shop.state.clone();
        state.stripe_webhook_secret = None;
        let request = Request::post("/webhooks/stripe")
            .body(Body::empty())
            .unwrap();
        let answer = orders::routes(state).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        shop.scratch.drop().await;
    }
}
