//! The client against responses as Stripe writes them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Asked, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// Returns canned responses in order and records each request: method and target, idempotency key, form.
#[derive(Clone, Default)]
struct Canned {
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<[String; 3]>>>,
}

async fn answer(State(canned): State<Canned>, asked: Asked) -> Response {
    let (parts, body) = asked.into_parts();
    let header = |name: &str| {
        let value = parts.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    assert_eq!(header("authorization"), "Bearer sk_test_1");
    assert_eq!(header("stripe-version"), VERSION);
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    canned.asked.lock().unwrap().push([
        format!("{} {}", parts.method, parts.uri),
        header("idempotency-key"),
        String::from_utf8(body.to_vec()).unwrap(),
    ]);
    let (status, body) = canned.answers.lock().unwrap().remove(0);
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

async fn stripe(answers: impl IntoIterator<Item = (u16, Value)>) -> (Canned, Stripe) {
    let canned = Canned::default();
    canned.answers.lock().unwrap().extend(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(canned.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let key = Secret::new("sk_test_1");
    let stripe = Stripe::new(base.parse().unwrap(), key, Clock::system()).unwrap();
    (canned, stripe)
}

fn intent(status: &str) -> Value {
    json!({
        "id": "pi_3MtwBw", "object": "payment_intent", "amount": 2945, "amount_received": 2945,
        "capture_method": "automatic", "client_secret": "pi_3MtwBw_secret_x", "currency": "eur",
        "last_payment_error": {"code": "card_declined", "decline_code": "lost_card", "type": "card_error"},
        "latest_charge": "ch_1", "livemode": false, "metadata": {"order": "ord_1"}, "status": status
    })
}

fn refund(status: &str) -> Value {
    json!({
        "id": "re_1", "object": "refund", "amount": 1000, "charge": "ch_1", "created": 1_692_942_318,
        "currency": "eur", "metadata": {"reference": "ret_1"}, "payment_intent": "pi_3MtwBw",
        "reason": null, "status": status
    })
}

fn error(kind: &str, code: &str) -> Value {
    json!({"error": {"type": kind, "code": code, "message": "…", "request_log_url": "…"}})
}

#[tokio::test]
async fn a_payment_is_asked_for_and_read_as_stripe_documents_it() {
    let answers = [
        (200, intent("succeeded")),
        (200, intent("succeeded")),
        (200, intent("canceled")),
        (200, intent("new_status")),
    ];
    let (canned, stripe) = stripe(answers).await;
    let payment = NewPayment {
        amount: 2945,
        currency: "EUR",
        payment_method: "pm_card_visa",
        order: "ord_1",
        capture: CaptureMethod::Automatic,
    };
    let paid = stripe.create(&payment, "k1").await.unwrap();
    assert_eq!(paid.status, PaymentStatus::Succeeded);
    assert_eq!((paid.amount, paid.currency.as_str()), (2945, "eur"));
    assert_eq!(paid.client_secret.as_deref(), Some("pi_3MtwBw_secret_x"));
    let error = paid.last_payment_error.unwrap();
    assert_eq!(error.code(), Some("lost_card"));
    assert_eq!(paid.metadata["order"], "ord_1");
    stripe.confirm(&paid.id, Some("pm_2"), "k2").await.unwrap();
    let cancelled = stripe.cancel(&paid.id, "k3").await.unwrap();
    assert_eq!(cancelled.status, PaymentStatus::Canceled);
    let read = stripe.payment(&paid.id).await.unwrap();
    assert_eq!(read.status, PaymentStatus::Other);

    let asked = canned.asked.lock().unwrap();
    assert_eq!(
        asked[0],
        [
            "POST /v1/payment_intents",
            "k1",
            "amount=2945&currency=eur&payment_method=pm_card_visa\
             &automatic_payment_methods%5Benabled%5D=true\
             &automatic_payment_methods%5Ballow_redirects%5D=never&metadata%5Border%5D=ord_1"
        ]
    );
    let confirm = "POST /v1/payment_intents/pi_3MtwBw/confirm";
    let expand = "expand%5B%5D=latest_charge";
    assert_eq!(
        asked[1],
        [confirm, "k2", &format!("payment_method=pm_2&{expand}")]
    );
    let cancel = "POST /v1/payment_intents/pi_3MtwBw/cancel";
    assert_eq!(asked[2], [cancel, "k3", ""]);
    let read = format!("GET /v1/payment_intents/pi_3MtwBw?{expand}");
    assert_eq!(asked[3], [&read, "", ""]);
}

#[tokio::test]
async fn an_authorized_payment_is_captured_in_parts_where_its_charge_allows_it() {
    let mut held = intent("requires_capture");
    held["amount_received"] = json!(0);
    held["amount_capturable"] = json!(2945);
    held["latest_charge"] = json!({
        "id": "ch_1",
        "payment_method_details": {"type": "card", "card": {
            "brand": "visa", "capture_before": 1_692_942_318, "multicapture": {"status": "available"},
        }},
    });
    let answers = [
        (200, held.clone()),
        (200, held.clone()),
        (200, intent("succeeded")),
        (400, error("invalid_request_error", "amount_too_large")),
    ];
    let (canned, stripe) = stripe(answers).await;
    let payment = NewPayment {
        amount: 2945,
        currency: "EUR",
        payment_method: "pm_card_visa",
        order: "ord_1",
        capture: CaptureMethod::Manual,
    };
    let held = stripe.create(&payment, "k1").await.unwrap();
    assert_eq!((held.amount_capturable, held.amount_received), (2945, 0));
    assert!(held.is_multicapture_available());
    let until = held.capture_before().map(|until| until.timestamp());
    assert_eq!(until, Some(1_692_942_318));
    stripe
        .capture(&held.id, 1000, Some(false), "k2")
        .await
        .unwrap();
    let captured = stripe.capture(&held.id, 1945, None, "k3").await.unwrap();
    // Only the charge's id is known.
    assert!(!captured.is_multicapture_available());
    assert_eq!(captured.capture_before(), None);
    let refused = stripe.capture(&held.id, 1, None, "k4").await.unwrap_err();
    assert!(matches!(refused, StripeError::Refused { code, .. } if code == "amount_too_large"));

    let asked = canned.asked.lock().unwrap();
    let [_, _, body] = &asked[0];
    assert!(body.ends_with(
        "&capture_method=manual\
         &payment_method_options%5Bcard%5D%5Brequest_multicapture%5D=if_available"
    ));
    let path = "POST /v1/payment_intents/pi_3MtwBw/capture";
    let expand = "expand%5B%5D=latest_charge";
    let part = format!("amount_to_capture=1000&{expand}&final_capture=false");
    assert_eq!(asked[1], [path, "k2", &part]);
    let whole = format!("amount_to_capture=1945&{expand}");
    assert_eq!(asked[2], [path, "k3", &whole]);
}

#[tokio::test]
async fn a_payment_method_is_what_may_be_shown_of_it() {
    let method = json!({
        "id": "pm_1Mtw", "object": "payment_method", "billing_details": {"email": null},
        "card": {
            "brand": "visa", "country": "US", "exp_month": 8, "exp_year": 2028, "funding": "credit",
            "last4": "4242", "wallet": {"type": "apple_pay", "apple_pay": {}, "dynamic_last4": "1111"},
        },
        "customer": null, "type": "card",
    });
    let link = json!({"id": "pm_2", "object": "payment_method", "link": {}, "type": "link"});
    let (canned, stripe) = stripe([(200, method), (200, link)]).await;
    let card = stripe.payment_method("pm_card_visa").await.unwrap();
    assert_eq!((card.id.as_str(), card.kind.as_str()), ("pm_1Mtw", "card"));
    let card = card.card.unwrap();
    assert_eq!(
        (card.last4.as_str(), card.exp_month, card.exp_year),
        ("4242", 8, 2028)
    );
    assert_eq!(card.wallet.unwrap().kind, "apple_pay");
    assert_eq!(stripe.payment_method("pm_2").await.unwrap().card, None);
    let asked = canned.asked.lock().unwrap();
    assert_eq!(asked[0], ["GET /v1/payment_methods/pm_card_visa", "", ""]);
}

#[tokio::test]
async fn a_refund_is_repeated_with_its_key_until_stripe_is_done_with_it() {
    let answers = [
        (500, json!({})),
        (409, error("idempotency_error", "idempotency_key_in_use")),
        (200, refund("pending")),
        (
            200,
            json!({"object": "list", "data": [refund("succeeded")], "has_more": false}),
        ),
    ];
    let (canned, stripe) = stripe(answers).await;
    let refunded = stripe
        .refund("pi_3MtwBw", 1000, "ret_1", "k1")
        .await
        .unwrap();
    assert_eq!(refunded.status, RefundStatus::Pending);
    let listed = stripe.refunds("pi_3MtwBw").await.unwrap();
    assert_eq!(listed[0].status, RefundStatus::Succeeded);
    assert_eq!(listed[0].metadata["reference"], "ret_1");

    let asked = canned.asked.lock().unwrap();
    let form = "payment_intent=pi_3MtwBw&amount=1000&metadata%5Breference%5D=ret_1";
    for call in &asked[..3] {
        assert_eq!(*call, ["POST /v1/refunds", "k1", form]);
    }
    assert_eq!(
        asked[3][0],
        "GET /v1/refunds?payment_intent=pi_3MtwBw&limit=100"
    );
}

#[tokio::test]
async fn refusals_say_whose_fault_they_are_and_what_is_in_doubt() {
    let mut declined = error("card_error", "card_declined");
    declined["error"]["decline_code"] = json!("insufficient_funds");
    let already = error("invalid_request_error", "charge_already_refunded");
    let answers = [
        (402, declined),
        (400, already.clone()),
        (500, json!({})),
        (400, already),
    ];
    let (_canned, stripe) = stripe(answers).await;
    let error = stripe.confirm("pi_1", None, "k1").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the payment was declined: insufficient_funds"
    );
    for doubt in [false, true] {
        let error = stripe.refund("pi_1", 1, "ret_1", "k2").await.unwrap_err();
        let StripeError::Refused { code, in_doubt } = error else {
            panic!("{error:?}");
        };
        assert_eq!(
            (code.as_str(), in_doubt),
            ("charge_already_refunded", doubt)
        );
    }
}

/// An event, and the HMAC-SHA256 that `openssl` computes for it after `1700000000.`.
const BODY: &[u8] = br#"{"id":"evt_1","type":"charge.refunded","created":1700000000,"data":{"object":{"id":"ch_1"}}}"#;
const SIGNATURE: &str = "d265bef47989b3d23d4751327e2a564feb14412989459a0226a07b29df9a7906";

#[test]
fn numbers_and_flags_are_read_as_text_too() {
    let read: PaymentIntent = serde_json::from_value(intent("succeeded")).unwrap();
    let mut retyped = intent("succeeded");
    retyped["amount"] = json!("2945");
    retyped["amount_received"] = json!(2945.0);
    assert_eq!(
        serde_json::from_value::<PaymentIntent>(retyped).unwrap(),
        read
    );
    let page = json!({"data": [refund("succeeded")], "has_more": "true"});
    assert!(serde_json::from_value::<RefundPage>(page).unwrap().has_more);
    let card = json!({"last4": "4242", "exp_month": "8", "exp_year": "2027", "wallet": null});
    let card: Card = serde_json::from_value(card).unwrap();
    assert_eq!((card.exp_month, card.exp_year), (8, 2_027));
    // Half a cent and a negative month are mistakes.
    for (field, sent) in [("amount", json!("2945.5")), ("amount", json!("many"))] {
        let mut wrong = intent("succeeded");
        wrong[field] = sent;
        assert!(serde_json::from_value::<PaymentIntent>(wrong).is_err());
    }
    let card = json!({"last4": "4242", "exp_month": -8, "exp_year": 2027, "wallet": null});
    assert!(serde_json::from_value::<Card>(card).is_err());
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[test]
fn a_webhook_is_believed_for_five_minutes_with_any_of_its_signatures() {
    let secret = Secret::new("whsec_test");
    let header = format!("t=1700000000,v1=00,v1={SIGNATURE},v0=11");
    for seconds in [1_700_000_000 - 300, 1_700_000_000, 1_700_000_000 + 300] {
        let event = event(&secret, &header, BODY, at(seconds)).unwrap();
        assert_eq!(
            (event.id.as_str(), event.kind.as_str()),
            ("evt_1", "charge.refunded")
        );
        assert_eq!(event.data.object["id"], "ch_1");
    }
    for seconds in [1_700_000_000 - 301, 1_700_000_000 + 301] {
        let refused = event(&secret, &header, BODY, at(seconds)).unwrap_err();
        assert_eq!(refused, WebhookError::Stale);
    }
}

#[test]
fn a_webhook_that_stripe_did_not_sign_is_not_believed() {
    let secret = Secret::new("whsec_test");
    let check = |secret: &Secret, header: &str, body: &[u8]| {
        let refused = event(secret, header, body, at(1_700_000_000)).unwrap_err();
        assert_eq!(refused, WebhookError::Forged, "{header}");
    };
    let header = format!("t=1700000000,v1={SIGNATURE}");
    check(&secret, &header, &[BODY, b" "].concat());
    check(&Secret::new("whsec_other"), &header, BODY);
    for header in [
        String::new(),
        "t=1700000000".to_owned(),
        format!("v1={SIGNATURE}"),
        format!("t=1700000001,v1={SIGNATURE}"),
        format!("t=1700000000,v0={SIGNATURE}"),
        format!("t=1700000000;v1={SIGNATURE}"),
    ] {
        check(&secret, &header, BODY);
    }
}

#[test]
fn what_nobody_reads_of_a_webhook_decides_nothing() {
    let secret = "whsec_test";
    let body = br#"{"id":"evt_1","type":"charge.refunded","created":1700000000,"note":"\ud83d",
        "data":{"object":{"id":"ch_1","description":"\ud83d.","weight":1e999}}}"#;
    let signature = crate::testing::hmac_sha256(secret, &[b"1700000000.", body]);
    let header = format!("t=1700000000,v1={signature}");
    let event = event(&Secret::new(secret), &header, body, at(1_700_000_000)).unwrap();
    assert_eq!(event.data.object["id"], "ch_1");
    assert_eq!(event.data.object["description"], "\u{fffd}.");
}
