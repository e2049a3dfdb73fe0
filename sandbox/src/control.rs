//! The control API for tests and demos: moves parcels, injects faults, and shows recorded calls and webhooks.

mod messages;
mod parcels;

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::calls::CallFilter;
use crate::exchange_rates;
use crate::faults::NewRule;
use crate::origin_check;
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::stripe::ExistingPayment;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/_control", delete(reset))
        .route("/_control/shipments", post(parcels::load_parcels))
        .route("/_control/shipments/{number}", get(parcels::parcel))
        .route("/_control/shipments/{number}/scan", post(parcels::scan))
        .route("/_control/shipments/{number}/status", post(parcels::status))
        .route(
            "/_control/shipments/{number}/scenario",
            post(parcels::scenario),
        )
        .route(
            "/_control/shipments/{number}/oddities",
            post(parcels::set_oddities),
        )
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
        .route("/_control/messages", get(messages::messages))
        .route("/_control/topics", get(messages::topics))
        .route("/_control/topic_errors", post(messages::set_topic_error))
        .route("/_control/mails", get(messages::mails))
        .route("/_control/text_messages", get(messages::text_messages))
        .route("/_control/stopped", post(messages::stop))
        .route("/_control/unregistered", post(messages::unregister))
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

async fn load_payments(
    State(sandbox): State<Sandbox>,
    Body(payments): Body<OneOrMore<ExistingPayment>>,
) -> StatusCode {
    sandbox.load_payments(payments.list());
    StatusCode::NO_CONTENT
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
