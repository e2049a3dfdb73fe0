//! The control API for tests and demos: moves parcels, injects faults, and shows recorded calls and webhooks.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use chrono::Duration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::calls::CallFilter;
use crate::carriers::Oddity;
use crate::exchange_rates;
use crate::faults::NewRule;
use crate::origin_check;
use crate::parcels::{Carrier, ExistingParcel, Parcel, Place, Scenario, Status};
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::stripe::ExistingPayment;
use crate::world::World;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/_control", delete(reset))
        .route("/_control/shipments", post(load_parcels))
        .route("/_control/shipments/{number}", get(parcel))
        .route("/_control/shipments/{number}/scan", post(scan))
        .route("/_control/shipments/{number}/status", post(status))
        .route("/_control/shipments/{number}/scenario", post(scenario))
        .route("/_control/shipments/{number}/oddities", post(set_oddities))
        .route("/_control/payments", post(load_payments))
        .route(
            "/_control/faults",
            get(faults).post(add_fault).delete(clear_faults),
        )
        .route("/_control/faults/{id}", delete(remove_fault))
        .route("/_control/calls", get(calls).delete(clear_calls))
        .route("/_control/webhooks", get(webhooks).post(add_webhook))
        .route("/_control/rates", post(rates))
        .route("/_control/exchange_rates", post(set_exchange_rates))
        .route("/_control/messages", get(messages))
        .route("/_control/topics", get(topics))
        .route("/_control/topic_errors", post(set_topic_error))
        .route("/_control/mails", get(mails))
        .route("/_control/text_messages", get(text_messages))
        .route("/_control/stopped", post(stop))
        .route("/_control/unregistered", post(unregister))
        .layer(from_fn(origin_check::reject_browsers))
}

/// Why a control request was rejected.
struct ControlError(StatusCode, String);

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

fn bad(error: impl ToString) -> ControlError {
    ControlError(StatusCode::BAD_REQUEST, error.to_string())
}

/// A body declared as JSON.
struct Body<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ControlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ControlError> {
        if !origin_check::is_json(request.headers()) {
            return Err(ControlError(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/json".to_owned(),
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(bad)?;
        serde_json::from_slice(&bytes).map(Self).map_err(bad)
    }
}

/// Resets everything except webhook endpoints.
async fn reset(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.reset();
    StatusCode::NO_CONTENT
}

/// A single item or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn list(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

async fn load_parcels(
    State(sandbox): State<Sandbox>,
    Body(parcels): Body<OneOrMore<ExistingParcel>>,
) -> StatusCode {
    sandbox.load_parcels(parcels.list());
    StatusCode::NO_CONTENT
}

async fn load_payments(
    State(sandbox): State<Sandbox>,
    Body(payments): Body<OneOrMore<ExistingPayment>>,
) -> StatusCode {
    sandbox.load_payments(payments.list());
    StatusCode::NO_CONTENT
}

async fn parcel(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
) -> Result<Json<Value>, ControlError> {
    let told = sandbox.world(|world| world.parcels.get(&number).map(parcel_json));
    told.map(Json).ok_or_else(|| not_found(&number))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    kind: ScanKind,
    #[serde(default)]
    location: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScanKind {
    Pickup,
    Delivered,
    Exception,
}

async fn scan(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(scan): Body<Scan>,
) -> Result<Json<Value>, ControlError> {
    let place = scan.location.as_deref().map(Place::parse);
    move_parcel(&sandbox, &number, |parcel, world| match scan.kind {
        ScanKind::Pickup => parcel.hand_over(place, world.hour, world.now),
        ScanKind::Delivered => {
            let place = place.unwrap_or_else(|| parcel.to.clone());
            parcel.record_scan(Status::Delivered, place, world.now);
        }
        ScanKind::Exception => {
            let place = place.unwrap_or_else(|| parcel.last().place.clone());
            parcel.record_scan(Status::Exception, place, world.now);
        }
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: Status,
    #[serde(default)]
    location: Option<String>,
}

async fn status(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(new): Body<NewStatus>,
) -> Result<Json<Value>, ControlError> {
    let place = new.location.as_deref().map(Place::parse);
    move_parcel(&sandbox, &number, |parcel, world| {
        let place = place.unwrap_or_else(|| parcel.last().place.clone());
        parcel.record_scan(new.status, place, world.now);
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewScenario {
    scenario: Scenario,
    /// The destination; by default the existing one.
    #[serde(default)]
    to: Option<String>,
}

/// Hands the parcel over with this scenario.
async fn scenario(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(new): Body<NewScenario>,
) -> Result<Json<Value>, ControlError> {
    move_parcel(&sandbox, &number, |parcel, world| {
        if let Some(to) = new.to.as_deref() {
            parcel.to = Place::parse(to);
        }
        parcel.set_scenario(new.scenario);
        parcel.hand_over(None, world.hour, world.now);
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOddities {
    /// `null` for those determined by the seed.
    oddities: Option<Vec<Oddity>>,
}

/// Sets the oddities of responses about this parcel. Nobody is notified, because nothing moved.
async fn set_oddities(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(new): Body<NewOddities>,
) -> Result<Json<Value>, ControlError> {
    sandbox.world(|world| {
        ensure_parcel(world, &number)?;
        let told = world.parcels.change(&number, |parcel| {
            parcel.oddities = new.oddities;
            parcel_json(parcel)
        });
        told.map(Json).ok_or_else(|| not_found(&number))
    })
}

/// The parameters of a movement.
struct Moment {
    now: chrono::DateTime<chrono::Utc>,
    /// How long an hour of a journey takes.
    hour: Duration,
}

/// Moves a known or possible parcel and notifies its subscribers.
fn move_parcel(
    sandbox: &Sandbox,
    number: &str,
    change: impl FnOnce(&mut Parcel, &Moment),
) -> Result<Json<Value>, ControlError> {
    sandbox.world(|world| {
        let moment = Moment {
            now: world.now,
            hour: Duration::from_std(world.config.pace.get()).unwrap_or_default(),
        };
        ensure_parcel(world, number)?;
        let told = world.parcels.change(number, |parcel| {
            change(parcel, &moment);
            parcel_json(parcel)
        });
        world.notify_movement(number);
        told.map(Json).ok_or_else(|| not_found(number))
    })
}

/// Any number in a carrier's format is a parcel. EasyPost tracks USPS parcels.
fn ensure_parcel(world: &mut World, number: &str) -> Result<(), ControlError> {
    let now = world.now;
    let carrier = match world.parcels.get(number) {
        Some(parcel) => parcel.carrier,
        None => {
            let carrier = Carrier::of(number).ok_or_else(|| not_found(number))?;
            world.parcels.of_carrier(carrier, number, now);
            carrier
        }
    };
    if carrier == Carrier::Usps {
        world.track(number.to_owned(), carrier, None, None);
    }
    Ok(())
}

fn not_found(number: &str) -> ControlError {
    ControlError(
        StatusCode::NOT_FOUND,
        format!("no carrier here has a tracking number like {number}"),
    )
}

fn parcel_json(parcel: &Parcel) -> Value {
    let scans: Vec<_> = parcel
        .scans()
        .iter()
        .map(|scan| json!({"status": scan.status, "location": scan.place.to_string(), "at": scan.at}))
        .collect();
    json!({
        "tracking_number": parcel.number,
        "carrier": parcel.carrier,
        "status": parcel.last().status,
        "scans": scans,
    })
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    let faults = sandbox.faults();
    Json(json!({"faults": faults.list()}))
}

async fn add_fault(
    State(sandbox): State<Sandbox>,
    Body(rule): Body<NewRule>,
) -> Result<impl IntoResponse, ControlError> {
    let rule = sandbox.faults().add(rule).map_err(bad)?;
    Ok((StatusCode::CREATED, Json(json!(rule))))
}

async fn remove_fault(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> StatusCode {
    if sandbox.faults().remove(id) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.faults().clear();
    StatusCode::NO_CONTENT
}

async fn calls(State(sandbox): State<Sandbox>, Query(filter): Query<CallFilter>) -> Json<Value> {
    let calls = sandbox.calls().list(&filter);
    Json(json!({"count": calls.len(), "calls": calls}))
}

async fn clear_calls(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.calls().clear();
    StatusCode::NO_CONTENT
}

async fn webhooks(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({"deliveries": sandbox.deliveries().list()}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEndpoint {
    provider: Provider,
    url: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    events: Option<Vec<String>>,
}

/// Registers a webhook URL for a provider: the carriers have no API for it.
async fn add_webhook(
    State(sandbox): State<Sandbox>,
    Body(new): Body<NewEndpoint>,
) -> Result<StatusCode, ControlError> {
    url::Url::parse(&new.url).map_err(bad)?;
    let events = new.events.unwrap_or_else(|| vec!["*".to_owned()]);
    let events: Vec<_> = events.iter().map(String::as_str).collect();
    sandbox.send_webhooks(new.provider, &new.url, &new.secret, &events);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRates {
    /// The price of every shipment rated from now on; `null` for the usual prices.
    cents: Option<u32>,
}

async fn rates(State(sandbox): State<Sandbox>, Body(new): Body<NewRates>) -> StatusCode {
    sandbox.world(|world| world.easypost.rate_override = new.cents.map(i64::from));
    StatusCode::NO_CONTENT
}

/// Rates per dollar as text: `{"EUR": "0.9345"}`.
async fn set_exchange_rates(
    State(sandbox): State<Sandbox>,
    Body(new): Body<BTreeMap<String, Option<String>>>,
) -> Result<StatusCode, ControlError> {
    let mut parsed = Vec::new();
    for (currency, rate) in new {
        let millionths = rate.map(|rate| {
            exchange_rates::parse(&rate).ok_or_else(|| {
                bad(format!(
                    "{currency}: {rate:?} is not a rate with up to six decimals"
                ))
            })
        });
        let millionths = millionths.transpose()?;
        parsed.push((currency, millionths));
    }
    sandbox.world(|world| {
        for (currency, millionths) in parsed {
            world.exchange_rates.set(currency, millionths);
        }
    });
    Ok(StatusCode::NO_CONTENT)
}

async fn messages(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| Json(json!({"messages": world.fcm.sent()})))
}

/// The emails that the mail server accepted, oldest first.
async fn mails(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| {
        let mails: Vec<_> = world.mailbox.mails().collect();
        Json(json!({"mails": mails}))
    })
}

async fn text_messages(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| Json(json!({"messages": world.twilio.sent()})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    number: String,
}

/// The owner of a telephone number replies STOP.
async fn stop(State(sandbox): State<Sandbox>, Body(new): Body<Number>) -> StatusCode {
    sandbox.world(|world| world.twilio.stop(new.number));
    StatusCode::NO_CONTENT
}

async fn topics(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| Json(json!({"topics": world.fcm.topics()})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTopicError {
    token: String,
    /// Such as `RESOURCE_EXHAUSTED`; `null` for none.
    error: Option<String>,
    /// How many subscriptions fail; by default all.
    #[serde(default)]
    next: Option<u32>,
}

/// Has the subscriptions of a token fail, while others of the same request do not.
async fn set_topic_error(
    State(sandbox): State<Sandbox>,
    Body(new): Body<NewTopicError>,
) -> StatusCode {
    sandbox.world(|world| {
        world.fcm.set_topic_error(new.token, new.error, new.next);
    });
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: String,
}

async fn unregister(State(sandbox): State<Sandbox>, Body(new): Body<Token>) -> StatusCode {
    sandbox.world(|world| world.fcm.unregister(new.token));
    StatusCode::NO_CONTENT
}
