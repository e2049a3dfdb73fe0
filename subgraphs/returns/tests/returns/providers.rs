//! Fake EasyPost and Stripe servers with the operations this domain uses. They record calls and fail on request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use platform::clock::Clock;
use platform::config::Secret;
use platform::providers::easypost::Easypost;
use platform::providers::stripe::Stripe;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// With this status before anything is done.
    Before(u16),
    /// With this status after everything is done.
    After(u16),
    /// After everything is done, the connection breaks within the response body.
    Cut,
    /// Stripe answers that it will not do it, and why.
    Refused,
}

#[derive(Default)]
struct World {
    /// By idempotency key.
    refunds: BTreeMap<String, Value>,
    /// The status of new refunds.
    refund_status: Option<&'static str>,
    shipments: Vec<Shipment>,
    cents: Option<i64>,
    faults: VecDeque<(&'static str, Fault)>,
    calls: Vec<String>,
    /// The currency of payments; euros by default.
    currency: Option<String>,
    /// Overrides the amount and currency of the next refund.
    refunds_instead: Option<(i64, String)>,
}

#[derive(Clone, Default)]
struct Shipment {
    reference: String,
    weight: Value,
    bought: bool,
    refunded: bool,
    /// The request for it.
    asked: Value,
    /// The rate that was bought.
    rate: Option<String>,
}

/// Both providers, with controls.
#[derive(Clone)]
pub(crate) struct Providers {
    world: Arc<Mutex<World>>,
    /// Shipments are created while it is open.
    gate: Arc<watch::Sender<bool>>,
    base: String,
}

impl Providers {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let providers = Self {
            world: Arc::default(),
            gate: Arc::new(watch::Sender::new(true)),
            base: format!("http://{}", listener.local_addr().unwrap()),
        };
        let app = Router::new()
            .route("/v1/refunds", post(refund).get(refunds))
            .route("/v2/shipments", post(create))
            .route("/v2/shipments/{id}", get(read))
            .route("/v2/shipments/{id}/buy", post(buy))
            .route("/v2/shipments/{id}/refund", post(void))
            .layer(from_fn_with_state(providers.clone(), meet_faults))
            .route("/labels/{file}", get(|| async { "%PDF-1.4 a label" }))
            .with_state(providers.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        providers
    }

    pub(crate) fn stripe(&self, clock: &Clock) -> Stripe {
        let base = self.base.parse().unwrap();
        Stripe::new(base, Secret::new("sk_test"), clock.clone()).unwrap()
    }

    pub(crate) fn easypost(&self, clock: &Clock) -> Easypost {
        let base = self.base.parse().unwrap();
        Easypost::new(base, Secret::new("key"), clock.clone(), None).unwrap()
    }

    /// Sets the currency of payments.
    pub(crate) fn pay_in(&self, currency: &str) {
        self.world.lock().unwrap().currency = Some(currency.to_lowercase());
    }

    /// Holds back the creation of shipments.
    pub(crate) fn hold_shipments(&self, held: bool) {
        self.gate.send_replace(!held);
    }

    /// Overrides the amount and currency of the next refund.
    pub(crate) fn refund_instead(&self, amount: i64, currency: &'static str) {
        self.world.lock().unwrap().refunds_instead = Some((amount, currency.to_owned()));
    }

    /// Makes the next calls of this operation, such as `POST /v1/refunds`, fail like this.
    pub(crate) fn fail(&self, operation: &'static str, faults: &[Fault]) {
        let mut world = self.world.lock().unwrap();
        world
            .faults
            .extend(faults.iter().map(|fault| (operation, *fault)));
    }

    pub(crate) fn make_refunds(&self, status: &'static str) {
        self.world.lock().unwrap().refund_status = Some(status);
    }

    /// The bank decides on all refunds.
    pub(crate) fn decide_refunds(&self, status: &'static str) {
        for refund in self.world.lock().unwrap().refunds.values_mut() {
            refund["status"] = json!(status);
        }
    }

    /// The bank decides on the refund with this reference.
    pub(crate) fn decide_refund(&self, reference: &str, status: &'static str) {
        for refund in self.world.lock().unwrap().refunds.values_mut() {
            if refund["metadata"]["reference"] == reference {
                refund["status"] = json!(status);
            }
        }
    }

    /// Makes EasyPost forget all shipments.
    pub(crate) fn forget_shipments(&self) {
        self.world.lock().unwrap().shipments.clear();
    }

    /// Makes a refund with a return's reference that did not come from us.
    pub(crate) fn refund_behind(&self, reference: &str, status: &str) {
        let mut world = self.world.lock().unwrap();
        let id = format!("re_behind_{}", world.refunds.len());
        let refund = json!({
            "id": id, "status": status, "amount": 100, "currency": "usd", "payment_intent": "pi_other",
            "metadata": { "reference": reference },
        });
        world.refunds.insert(id, refund);
    }

    pub(crate) fn set_rates(&self, cents: i64) {
        self.world.lock().unwrap().cents = Some(cents);
    }

    /// The refunds made, by reference.
    pub(crate) fn refunded(&self) -> Vec<(String, i64)> {
        let world = self.world.lock().unwrap();
        world
            .refunds
            .values()
            .map(|refund| {
                let reference = refund["metadata"]["reference"].as_str().unwrap();
                (reference.to_owned(), refund["amount"].as_i64().unwrap())
            })
            .collect()
    }

    /// For each shipment: its reference, whether it was bought, and whether it was voided.
    pub(crate) fn shipments(&self) -> Vec<(String, bool, bool)> {
        let world = self.world.lock().unwrap();
        world
            .shipments
            .iter()
            .map(|one| (one.reference.clone(), one.bought, one.refunded))
            .collect()
    }

    /// The requests for shipments.
    pub(crate) fn asked(&self) -> Vec<Value> {
        let world = self.world.lock().unwrap();
        world
            .shipments
            .iter()
            .map(|one| one.asked.clone())
            .collect()
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        let world = self.world.lock().unwrap();
        world.calls.iter().filter(|call| *call == operation).count()
    }

    /// EasyPost's response for a shipment; 404 for one it did not create.
    fn answer(&self, id: &str) -> (StatusCode, Json<Value>) {
        let number = number(id);
        let is_known = (1..=self.world.lock().unwrap().shipments.len()).contains(&number);
        if is_known {
            return (StatusCode::OK, Json(self.shipment(number)));
        }
        let error = json!({"error": {"code": "NOT_FOUND", "message": "…", "errors": []}});
        (StatusCode::NOT_FOUND, Json(error))
    }

    fn shipment(&self, number: usize) -> Value {
        let world = self.world.lock().unwrap();
        let shipment = &world.shipments[number - 1];
        let cents = world.cents.unwrap_or(761);
        let rate = |id: String, carrier: &str, service: &str, cents: i64| {
            json!({
                "id": id, "carrier": carrier, "service": service, "currency": "USD",
                "rate": format!("{}.{:02}", cents / 100, cents % 100),
            })
        };
        let rates = [
            rate(format!("rate_{number}"), "USPS", "GroundAdvantage", cents),
            rate(format!("rate_{number}_ups"), "UPS", "Ground", cents + 100),
        ];
        let is_abroad = shipment.asked["to_address"]["country"] != "US";
        let rates = match is_abroad {
            // Ground transport ends at the border.
            true => vec![
                rate(format!("rate_{number}"), "UPS", "Expedited", cents),
                rate(format!("rate_{number}_ups"), "UPS", "Standard", cents + 100),
            ],
            false => rates.to_vec(),
        };
        let chosen = rates
            .iter()
            .find(|rate| rate["id"].as_str() == shipment.rate.as_deref());
        let chosen = chosen.cloned().unwrap_or_default();
        let bought = |value: Value| if shipment.bought { value } else { Value::Null };
        json!({
            "id": format!("shp_{number}"),
            "rates": rates,
            "weight": shipment.weight,
            "selected_rate": bought(chosen),
            "tracking_code": bought(json!(tracking(number))),
            "postage_label": bought(json!({"label_url": format!("{}/labels/{number}.pdf", self.base)})),
        })
    }
}

/// The tracking number of this shipment's parcel.
pub(crate) fn tracking(shipment: usize) -> String {
    format!("92055900362970{shipment:08}")
}

async fn meet_faults(State(providers): State<Providers>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let path = path
        .split('/')
        .map(|part| if part.starts_with("shp_") { "*" } else { part })
        .collect::<Vec<_>>()
        .join("/");
    // Reconciliation lists the refunds of all payments whenever it is due.
    let is_list_of_all = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("created"));
    let of_all = if is_list_of_all { " of all" } else { "" };
    let operation = format!("{} {path}{of_all}", request.method());
    let fault = {
        let mut world = providers.world.lock().unwrap();
        world.calls.push(operation.clone());
        let is_next = world.faults.front().is_some_and(|(at, _)| *at == operation);
        is_next.then(|| world.faults.pop_front().unwrap().1)
    };
    let failure = |status| StatusCode::from_u16(status).unwrap().into_response();
    match fault {
        None => next.run(request).await,
        Some(Fault::Before(status)) => failure(status),
        Some(Fault::Refused) => {
            let error = json!({"error": {
                "type": "invalid_request_error", "code": "charge_disputed", "message": "…"
            }});
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
        Some(Fault::After(status)) => {
            next.run(request).await;
            failure(status)
        }
        Some(Fault::Cut) => {
            let response = next.run(request).await;
            let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
                .await
                .unwrap();
            let half = bytes.slice(..bytes.len() / 2);
            let cut = futures::stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
            Body::from_stream(cut).into_response()
        }
    }
}

async fn refund(
    State(providers): State<Providers>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Json<Value> {
    let mut world = providers.world.lock().unwrap();
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let number = world.refunds.len() + 1;
    let status = world.refund_status.unwrap_or("succeeded");
    let currency = world.currency.clone().unwrap_or_else(|| "eur".to_owned());
    let asked = (form["amount"].parse::<i64>().unwrap(), currency);
    let (amount, currency) = world.refunds_instead.take().unwrap_or(asked);
    let made = world.refunds.entry(key).or_insert_with(|| {
        json!({
            "id": format!("re_{number}"), "status": status, "currency": currency, "amount": amount,
            "payment_intent": form["payment_intent"],
            "metadata": {"reference": form["metadata[reference]"]},
        })
    });
    Json(made.clone())
}

async fn refunds(
    State(providers): State<Providers>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let world = providers.world.lock().unwrap();
    let asked = |refund: &&Value| {
        let payment = query.get("payment_intent");
        payment.is_none_or(|payment| refund["payment_intent"] == *payment)
    };
    let data: Vec<_> = world.refunds.values().filter(asked).collect();
    Json(json!({ "data": data, "has_more": false }))
}

async fn create(
    State(providers): State<Providers>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut open = providers.gate.subscribe();
    open.wait_for(|open| *open).await.unwrap();
    let asked = &body["shipment"];
    // A return: the addresses are those of the outward shipment.
    assert_eq!(asked["is_return"], true);
    if asked["to_address"]["street1"] == "" {
        let error =
            json!({"error": {"code": "ADDRESS.VERIFY.FAILURE", "message": "…", "errors": []}});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(error));
    }
    let number = {
        let mut world = providers.world.lock().unwrap();
        world.shipments.push(Shipment {
            reference: asked["reference"].as_str().unwrap().to_owned(),
            weight: asked["parcel"]["weight"].clone(),
            asked: asked.clone(),
            ..Shipment::default()
        });
        world.shipments.len()
    };
    (StatusCode::CREATED, Json(providers.shipment(number)))
}

fn number(id: &str) -> usize {
    id.trim_start_matches("shp_").parse().unwrap()
}

async fn read(
    State(providers): State<Providers>,
    Path(id): Path<String>,
) -> (StatusCode, Json<Value>) {
    providers.answer(&id)
}

async fn buy(
    State(providers): State<Providers>,
    Path(id): Path<String>,
    Json(asked): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let number = number(&id);
    let was_bought = {
        let mut world = providers.world.lock().unwrap();
        let shipment = &mut world.shipments[number - 1];
        shipment
            .rate
            .get_or_insert(asked["rate"]["id"].as_str().unwrap().to_owned());
        std::mem::replace(&mut shipment.bought, true)
    };
    if was_bought {
        let error =
            json!({"error": {"code": "SHIPMENT.POSTAGE.EXISTS", "message": "…", "errors": []}});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(error));
    }
    (StatusCode::OK, Json(providers.shipment(number)))
}

async fn void(State(providers): State<Providers>, Path(id): Path<String>) -> Json<Value> {
    let number = number(&id);
    providers.world.lock().unwrap().shipments[number - 1].refunded = true;
    Json(providers.shipment(number))
}
