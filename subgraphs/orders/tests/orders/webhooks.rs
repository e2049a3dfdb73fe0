//! Stripe's webhooks: accepted if signed and recent, and applied once in any order.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::Duration;
use platform::tables::outbox_event;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::checkout::input;
use crate::fake_stripe::{NEEDS_ACTION, WEBHOOK_SECRET, WORKS, signature};
use crate::fixture::{Shop, now, ord, order, shops};

pub(crate) fn event(id: &str, kind: &str, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "created": now().timestamp(),
        "data": { "object": object },
    })
}

/// The payment of the only order, as a webhook with this status reports it.
fn intent(shop: &Shop, status: &str) -> Value {
    with_status(shop.stripe.intents()[0].clone(), status)
}

fn with_status(mut intent: Value, status: &str) -> Value {
    intent["status"] = json!(status);
    if status == "succeeded" {
        intent["amount_received"] = intent["amount"].clone();
    }
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
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{signature:?}");
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
            event("evt_3", "payment_intent.succeeded", &of_nobody),
            event("evt_4", "payment_intent.succeeded", &of_another_payment),
            event("evt_5", "payment_intent.succeeded", &of_no_order),
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
async fn an_event_that_cannot_be_read_is_refused_and_taken_when_it_is_sent_again() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        for kind in [
            "payment_intent.succeeded",
            "refund.failed",
            "charge.refunded",
        ] {
            for object in [
                json!({ "id": 5, "metadata": 7 }),
                json!("pi_1"),
                json!(null),
            ] {
                let refused = shop.tell(&event("evt_1", kind, &object)).await;
                assert_eq!(refused, StatusCode::BAD_REQUEST, "{kind} {object}");
            }
        }
        let succeeded = intent(&shop, "succeeded");
        let event = event("evt_1", "payment_intent.succeeded", &succeeded);
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        let story = "CONFIRMED: order.placed, order.confirmed";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
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
        assert_eq!(shop.payment().await.state.as_str(), "released");
        let mut refund = shop.stripe.refunds()[0].clone();
        refund["status"] = json!("failed");
        refund["failure_reason"] = json!("expired_or_canceled_card");
        assert_eq!(
            shop.tell(&event("evt_1", "refund.failed", &refund)).await,
            StatusCode::OK
        );
        assert_eq!(
            shop.payment().await.state.as_str(),
            "stuck",
            "{}",
            shop.scratch.name
        );
        // An event from an earlier time arrives late.
        refund["status"] = json!("succeeded");
        assert_eq!(
            shop.tell(&event("evt_2", "refund.created", &refund)).await,
            StatusCode::OK
        );
        assert_eq!(shop.payment().await.state.as_str(), "stuck");
        shop.scratch.drop().await;
    }
}

/// Every event five times, in any order, with the job running in between.
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
            // The first card fails in the browser, the second works: Stripe's current status is final.
            shop.stripe.act(&intent_id, "succeeded");
            let intents = shop.stripe.intents();
            let now = intents.iter().find(|one| one["id"] == intent_id).unwrap();
            let published = |status: &str| with_status(now.clone(), status);
            let name = |name: &str| format!("evt_{seed}_{name}");
            let events = [
                event(
                    &name("action"),
                    "payment_intent.requires_action",
                    &published("requires_action"),
                ),
                event(
                    &name("failed"),
                    "payment_intent.payment_failed",
                    &published("requires_payment_method"),
                ),
                event(
                    &name("processing"),
                    "payment_intent.processing",
                    &published("processing"),
                ),
                event(
                    &name("done"),
                    "payment_intent.succeeded",
                    &published("succeeded"),
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

/// The reasons of support alerts, with the provider's amounts.
async fn alerts(shop: &Shop) -> Vec<(String, i64, String)> {
    let published = outbox_event::Entity::find()
        .filter(outbox_event::Column::EventType.eq(orders::events::SUPPORT_ALERT))
        .order_by_asc(outbox_event::Column::Id)
        .all(shop.scratch.database.read())
        .await
        .unwrap();
    let alert = |data: Value| {
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        assert_eq!(data["version"], 1);
        (
            text("reason"),
            data["receivedMinorUnits"].as_i64().unwrap(),
            text("receivedCurrency"),
        )
    };
    published
        .into_iter()
        .map(|event| alert(event.data))
        .collect()
}

#[tokio::test]
async fn a_signed_payment_of_another_amount_or_currency_confirms_nothing_and_alerts() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        let right = intent(&shop, "succeeded");
        let amount = right["amount"].as_i64().unwrap();
        let cases = [
            (json!(1), right["currency"].clone()),
            (json!(amount - 1), right["currency"].clone()),
            (json!(amount + 1), right["currency"].clone()),
            (json!(0), right["currency"].clone()),
            (json!(amount), json!("jpy")),
            (json!(amount), json!("doge")),
        ];
        for (number, (received, currency)) in cases.iter().enumerate() {
            let mut wrong = right.clone();
            wrong["amount_received"] = received.clone();
            wrong["currency"] = currency.clone();
            let event = event(&format!("evt_{number}"), "payment_intent.succeeded", &wrong);
            assert_eq!(shop.tell(&event).await, StatusCode::OK);
            // The provider itself reports that nothing was captured yet.
            shop.work_after(Duration::seconds(2)).await;
            let story = shop.story(id).await;
            assert_eq!(story, "PENDING: order.placed", "{wrong}");
        }
        let alerts = alerts(&shop).await;
        assert_eq!(alerts.len(), cases.len());
        assert_eq!(alerts[0].0, "payment_mismatch");
        assert_eq!((alerts[0].1, alerts[4].2.as_str()), (1, "JPY"));
        assert_eq!(shop.payment().await.state.as_str(), "waiting");
        // The genuine event still counts.
        assert_eq!(
            shop.tell(&event("evt_right", "payment_intent.succeeded", &right))
                .await,
            StatusCode::OK
        );
        let story = "CONFIRMED: order.placed, order.confirmed";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_is_polled_with_another_amount_waits_for_people_and_can_be_given_back() {
    for shop in shops().await {
        for (number, currency, short) in [(1, None, 1), (2, Some("jpy"), 0), (3, None, -1)] {
            let key = format!("k{number}");
            let placed = shop.place(&input(NEEDS_ACTION), &key).await;
            let id = &placed["order"]["id"];
            let payment = format!("pi_{number}");
            let now = shop.stripe.intents()[number - 1].clone();
            let received = now["amount"].as_i64().unwrap() - short;
            let currency = currency.unwrap_or(now["currency"].as_str().unwrap());
            shop.stripe.capture(&payment, received, currency);
            shop.work_after(Duration::minutes(6)).await;
            shop.work_after(Duration::minutes(60)).await;
            assert_eq!(shop.story(id).await, "PENDING: order.placed");
            let alert = (
                "payment_mismatch".to_owned(),
                received,
                currency.to_uppercase(),
            );
            assert_eq!(alerts(&shop).await[number - 1], alert, "alerted once");

            assert_eq!(shop.cancel(id, &key).await["order"]["status"], "CANCELLED");
            shop.work_after(Duration::seconds(2)).await;
            let refunds = shop.stripe.refunds();
            assert_eq!(refunds.len(), number);
            assert_eq!(
                refunds[number - 1]["amount"],
                received,
                "all that was taken"
            );
            let story = "CANCELLED: order.placed, order.cancelled, order.refunded";
            assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refund_of_another_amount_settles_nothing_and_the_rest_is_given_back() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let amount = shop.stripe.intents()[0]["amount"].as_i64().unwrap();
        shop.cancel(id, "c").await;
        // A part was refunded manually, and is reported like our own refund.
        shop.stripe.give_back("pi_1", 100);
        let mut part = shop.stripe.refunds()[0].clone();
        part["metadata"] = json!({ "reference": id });
        let charge = json!({
            "id": "ch_1", "payment_intent": "pi_1", "amount": amount, "amount_refunded": 100,
            "currency": "eur", "metadata": { "order": id },
        });
        for (number, (kind, object)) in [
            ("refund.updated", &part),
            ("refund.created", &part),
            ("charge.refunded", &charge),
        ]
        .into_iter()
        .enumerate()
        {
            let event = event(&format!("evt_{number}"), kind, object);
            assert_eq!(shop.tell(&event).await, StatusCode::OK);
            assert_eq!(shop.payment().await.state.as_str(), "unwanted", "{kind}");
        }
        let expected = ("refund_mismatch".to_owned(), 100, "EUR".to_owned());
        assert_eq!(alerts(&shop).await, [expected.clone(), expected]);
        shop.work_after(Duration::seconds(2)).await;
        assert_eq!(shop.payment().await.state.as_str(), "released");
        let given: i64 = shop
            .stripe
            .refunds()
            .iter()
            .map(|one| one["amount"].as_i64().unwrap())
            .sum();
        assert_eq!(given, amount, "{}", shop.scratch.name);
        let story = "CANCELLED: order.placed, order.confirmed, order.cancelled, order.refunded";
        assert_eq!(shop.story(id).await, story);
        shop.scratch.drop().await;
    }
}
