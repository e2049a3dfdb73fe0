//! A fake Stripe with the operations used by orders: payments, refunds and idempotency keys in memory, webhook
//! signatures, and lost responses.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use platform::clock::Clock;
use platform::config::Secret;
use platform::providers::stripe::Stripe;
use platform::testing::hmac_sha256;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const WEBHOOK_SECRET: &str = "whsec_orders";

/// Payment methods, named after the result of charging them.
pub(crate) const WORKS: &str = "pm_works";
pub(crate) const DECLINED: &str = "pm_declined";
pub(crate) const NEEDS_ACTION: &str = "pm_needs_action";

type Answer = (StatusCode, Value);
type Fields = HashMap<String, String>;

#[derive(Clone, Default)]
pub(crate) struct FakeStripe(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    intents: BTreeMap<String, Value>,
    refunds: Vec<Value>,
    answers: HashMap<String, Answer>,
    calls: Vec<String>,
    /// Whether payments can only be captured once.
    single_capture: bool,
    /// Path suffix and number of calls whose responses are lost after taking effect.
    lost: Option<(&'static str, u32)>,
}

impl FakeStripe {
    /// Starts the server and returns a client for it.
    pub(crate) async fn start(clock: &Clock) -> (Self, Stripe) {
        let fake = Self::default();
        let app = Router::new()
            .route("/v1/payment_methods/{id}", get(method))
            .route("/v1/payment_intents", post(create))
            .route("/v1/payment_intents/{id}", get(read))
            .route("/v1/payment_intents/{id}/confirm", post(confirm))
            .route("/v1/payment_intents/{id}/capture", post(capture))
            .route("/v1/payment_intents/{id}/cancel", post(cancel))
            .route("/v1/refunds", post(refund).get(refunds))
            .layer(middleware::from_fn_with_state(fake.clone(), keep))
            .with_state(fake.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let key = Secret::new("sk_test_orders");
        let client = Stripe::new(base.parse().unwrap(), key, clock.clone()).unwrap();
        (fake, client)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }

    /// Loses the responses to the next calls with this path suffix.
    pub(crate) fn lose(&self, path: &'static str, answers: u32) {
        self.books().lost = Some((path, answers));
    }

    /// All payments.
    pub(crate) fn intents(&self) -> Vec<Value> {
        self.books().intents.values().cloned().collect()
    }

    pub(crate) fn refunds(&self) -> Vec<Value> {
        self.books().refunds.clone()
    }

    /// Method and path of every call.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.books().calls.clone()
    }

    /// Lets payments be captured only once.
    pub(crate) fn capture_once(&self) {
        self.books().single_capture = true;
    }

    /// Ends an authorization.
    pub(crate) fn expire(&self, intent: &str) {
        let mut books = self.books();
        let intent = books.intents.get_mut(intent).unwrap();
        intent["status"] = json!("canceled");
        intent["amount_capturable"] = json!(0);
    }

    /// Ends an authorization of which a part was captured.
    pub(crate) fn release_rest(&self, intent: &str) {
        let mut books = self.books();
        let intent = books.intents.get_mut(intent).unwrap();
        intent["status"] = json!("succeeded");
        intent["amount_capturable"] = json!(0);
    }

    /// The bank sends back a refund.
    pub(crate) fn send_back(&self, refund: &str) -> Value {
        let mut books = self.books();
        let mut refunds = books.refunds.iter_mut();
        let made = refunds.find(|made| made["id"] == refund).unwrap();
        made["status"] = json!("failed");
        made["failure_reason"] = json!("expired_or_canceled_card");
        made.clone()
    }

    /// Captures this amount, whatever was requested.
    pub(crate) fn capture(&self, intent: &str, amount: i64, currency: &str) {
        let mut books = self.books();
        let intent = books.intents.get_mut(intent).unwrap();
        intent["status"] = json!("succeeded");
        intent["amount_received"] = json!(amount);
        intent["currency"] = json!(currency);
    }

    /// Refunds this amount on somebody else's behalf.
    pub(crate) fn give_back(&self, intent: &str, amount: i64) {
        let mut books = self.books();
        let currency = books.intents[intent]["currency"].clone();
        let made = json!({
            "id": "re_by_hand", "object": "refund", "status": "succeeded", "amount": amount,
            "currency": currency, "payment_intent": intent, "metadata": {},
        });
        books.refunds.push(made);
    }

    /// The customer completes the bank's confirmation, or the bank refuses.
    pub(crate) fn act(&self, intent: &str, status: &str) {
        let mut books = self.books();
        let intent = books.intents.get_mut(intent).unwrap();
        intent["status"] = json!(status);
        if status == "succeeded" {
            intent["amount_received"] = intent["amount"].clone();
        }
    }
}

/// The signature header of a webhook with this body at this time.
pub(crate) fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let time = format!("{seconds}.");
    let hex = hmac_sha256(secret, &[time.as_bytes(), body]);
    format!("t={seconds},v1={hex}")
}

/// Handles idempotency keys, records calls and loses responses.
async fn keep(State(fake): State<FakeStripe>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let key = request.headers().get("idempotency-key");
    let key = key.map(|key| key.to_str().unwrap().to_owned());
    fake.books()
        .calls
        .push(format!("{} {path}", request.method()));
    let kept = key
        .as_ref()
        .and_then(|key| fake.books().answers.get(key).cloned());
    let (status, body) = match kept {
        Some(answer) => answer,
        None => {
            let response = next.run(request).await;
            let status = response.status();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX)
                .await
                .unwrap();
            let answer = (status, serde_json::from_slice::<Value>(&body).unwrap());
            if let Some(key) = key {
                fake.books().answers.insert(key, answer.clone());
            }
            answer
        }
    };
    let mut books = fake.books();
    if let Some((lost, answers)) = &mut books.lost
        && path.ends_with(*lost)
        && *answers > 0
    {
        *answers -= 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    (status, Json(body)).into_response()
}

fn refused(status: StatusCode, kind: &str, code: &str) -> Answer {
    (
        status,
        json!({"error": {"type": kind, "code": code, "message": "…"}}),
    )
}

fn invalid(code: &str) -> Answer {
    refused(StatusCode::BAD_REQUEST, "invalid_request_error", code)
}

fn respond((status, body): Answer) -> (StatusCode, Json<Value>) {
    (status, Json(body))
}

async fn method(Path(id): Path<String>) -> (StatusCode, Json<Value>) {
    respond(if [WORKS, DECLINED, NEEDS_ACTION].contains(&id.as_str()) {
        let card = json!({"last4": "4242", "exp_month": 8, "exp_year": 2028, "wallet": null});
        (
            StatusCode::OK,
            json!({"id": id, "type": "card", "card": card}),
        )
    } else {
        refused(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            "resource_missing",
        )
    })
}

async fn create(
    State(fake): State<FakeStripe>,
    Form(fields): Form<Fields>,
) -> (StatusCode, Json<Value>) {
    let mut books = fake.books();
    let id = format!("pi_{}", books.intents.len() + 1);
    let intent = json!({
        "id": id, "object": "payment_intent", "status": "requires_confirmation",
        "amount": fields["amount"].parse::<i64>().unwrap(), "amount_received": 0,
        "currency": fields["currency"], "client_secret": format!("{id}_secret"),
        "payment_method": fields["payment_method"],
        "metadata": {"order": fields["metadata[order]"]},
        "capture_method": fields.get("capture_method"), "amount_capturable": 0,
        "latest_charge": if books.single_capture { Value::Null } else { json!({
            "payment_method_details": {"card": {"multicapture": {"status": "available"}}},
        }) },
    });
    books.intents.insert(id, intent.clone());
    respond((StatusCode::OK, intent))
}

async fn read(State(fake): State<FakeStripe>, Path(id): Path<String>) -> (StatusCode, Json<Value>) {
    let books = fake.books();
    respond(match books.intents.get(&id) {
        Some(intent) => (StatusCode::OK, intent.clone()),
        None => refused(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            "resource_missing",
        ),
    })
}

async fn confirm(
    State(fake): State<FakeStripe>,
    Path(id): Path<String>,
) -> (StatusCode, Json<Value>) {
    let mut books = fake.books();
    let intent = books.intents.get_mut(&id).unwrap();
    if intent["status"] != "requires_confirmation" {
        return respond(invalid("payment_intent_unexpected_state"));
    }
    let method = intent["payment_method"].as_str().unwrap().to_owned();
    respond(match method.as_str() {
        WORKS if intent["capture_method"] == "manual" => {
            intent["status"] = json!("requires_capture");
            intent["amount_capturable"] = intent["amount"].clone();
            (StatusCode::OK, intent.clone())
        }
        WORKS => {
            intent["status"] = json!("succeeded");
            intent["amount_received"] = intent["amount"].clone();
            (StatusCode::OK, intent.clone())
        }
        NEEDS_ACTION => {
            intent["status"] = json!("requires_action");
            (StatusCode::OK, intent.clone())
        }
        _ => {
            intent["status"] = json!("requires_payment_method");
            intent["last_payment_error"] =
                json!({"code": "card_declined", "decline_code": "insufficient_funds"});
            let (status, mut body) =
                refused(StatusCode::PAYMENT_REQUIRED, "card_error", "card_declined");
            body["error"]["decline_code"] = json!("insufficient_funds");
            (status, body)
        }
    })
}

async fn capture(
    State(fake): State<FakeStripe>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> (StatusCode, Json<Value>) {
    let mut books = fake.books();
    let is_single = books.single_capture;
    let intent = books.intents.get_mut(&id).unwrap();
    if intent["status"] != "requires_capture" {
        return respond(invalid("payment_intent_unexpected_state"));
    }
    let amount: i64 = fields["amount_to_capture"].parse().unwrap();
    let capturable = intent["amount_capturable"].as_i64().unwrap();
    let is_last = fields.get("final_capture").map(String::as_str);
    if amount > capturable || is_single && is_last.is_some() {
        return respond(invalid("amount_too_large"));
    }
    intent["amount_received"] = json!(intent["amount_received"].as_i64().unwrap() + amount);
    if is_last == Some("false") {
        intent["amount_capturable"] = json!(capturable - amount);
    } else {
        intent["amount_capturable"] = json!(0);
        intent["status"] = json!("succeeded");
    }
    respond((StatusCode::OK, intent.clone()))
}

async fn cancel(
    State(fake): State<FakeStripe>,
    Path(id): Path<String>,
) -> (StatusCode, Json<Value>) {
    let mut books = fake.books();
    let intent = books.intents.get_mut(&id).unwrap();
    respond(
        if intent["status"] == "succeeded" || intent["status"] == "canceled" {
            invalid("payment_intent_unexpected_state")
        } else {
            intent["status"] = json!("canceled");
            (StatusCode::OK, intent.clone())
        },
    )
}

async fn refund(
    State(fake): State<FakeStripe>,
    Form(fields): Form<Fields>,
) -> (StatusCode, Json<Value>) {
    let mut books = fake.books();
    let intent = books.intents[&fields["payment_intent"]].clone();
    let given: i64 = books
        .refunds
        .iter()
        .filter(|made| made["payment_intent"] == intent["id"] && made["status"] != "failed")
        .map(|made| made["amount"].as_i64().unwrap())
        .sum();
    let wanted: i64 = fields["amount"].parse().unwrap();
    if given + wanted > intent["amount_received"].as_i64().unwrap() {
        return respond(invalid("charge_already_refunded"));
    }
    let made = json!({
        "id": format!("re_{}", books.refunds.len() + 1), "object": "refund", "status": "succeeded",
        "amount": fields["amount"].parse::<i64>().unwrap(), "currency": intent["currency"],
        "payment_intent": intent["id"], "metadata": {"reference": fields["metadata[reference]"]},
    });
    books.refunds.push(made.clone());
    respond((StatusCode::OK, made))
}

async fn refunds(State(fake): State<FakeStripe>, Query(query): Query<Fields>) -> Json<Value> {
    let books = fake.books();
    let data: Vec<_> = books
        .refunds
        .iter()
        .filter(|made| made["payment_intent"] == query["payment_intent"])
        .collect();
    Json(json!({"object": "list", "data": data, "has_more": false}))
}
