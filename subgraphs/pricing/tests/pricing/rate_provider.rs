//! Open Exchange Rates as far as this domain calls it, over HTTP: one answer that tests change, with its entity tag.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::stream::{self, StreamExt};
use platform::clock::Clock;
use platform::config::Secret;
use platform::providers::open_exchange_rates::OpenExchangeRates;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

#[derive(Clone)]
pub(crate) struct RateProvider {
    answer: Arc<Mutex<Answer>>,
    base: String,
}

#[derive(Clone)]
enum Answer {
    Rates {
        body: Value,
        version: u32,
    },
    Status(u16, Value),
    /// Tells that it has begun.
    Silence(Silence, Arc<Notify>),
}

/// Where an answer stops, with the connection left open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Silence {
    BeforeHeaders,
    WithinBody,
}

impl RateProvider {
    /// Answers with these rates.
    pub(crate) async fn start(rates: &[(&str, f64)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let body = body(rates);
        let provider = Self {
            answer: Arc::new(Mutex::new(Answer::Rates { body, version: 1 })),
            base: format!("http://{}", listener.local_addr().unwrap()),
        };
        let app = Router::new()
            .route("/api/latest.json", get(latest))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        provider
    }

    pub(crate) fn client(&self, clock: &Clock) -> OpenExchangeRates {
        let base = self.base.parse().unwrap();
        OpenExchangeRates::new(base, Secret::new("app"), clock.clone()).unwrap()
    }

    /// A client that soon gives up.
    pub(crate) fn impatient_client(&self, clock: &Clock) -> OpenExchangeRates {
        let (base, app_id) = (self.base.parse().unwrap(), Secret::new("app"));
        let [attempt, deadline] = [300, 1_000].map(Duration::from_millis);
        OpenExchangeRates::with_timeouts(base, app_id, clock.clone(), attempt, deadline).unwrap()
    }

    /// Answers with these rates from now on.
    pub(crate) fn tell(&self, rates: &[(&str, f64)]) {
        let mut answer = self.answer.lock().unwrap();
        let version = match &*answer {
            Answer::Rates { version, .. } => version + 1,
            Answer::Status(..) | Answer::Silence(..) => 1_000,
        };
        let body = body(rates);
        *answer = Answer::Rates { body, version };
    }

    /// Answers with this status and body from now on.
    pub(crate) fn refuse(&self, status: u16, body: Value) {
        *self.answer.lock().unwrap() = Answer::Status(status, body);
    }

    /// Stops within each answer from now on. Tells when it was asked.
    pub(crate) fn fall_silent(&self, silence: Silence) -> Arc<Notify> {
        let asked = Arc::new(Notify::new());
        *self.answer.lock().unwrap() = Answer::Silence(silence, asked.clone());
        asked
    }
}

fn body(rates: &[(&str, f64)]) -> Value {
    let rates: Map<String, Value> = rates
        .iter()
        .map(|(currency, rate)| ((*currency).to_owned(), json!(rate)))
        .collect();
    json!({"timestamp": 1_760_011_200, "base": "USD", "rates": rates})
}

async fn latest(State(provider): State<RateProvider>, headers: HeaderMap) -> Response {
    let answer = provider.answer.lock().unwrap().clone();
    match answer {
        Answer::Rates { body, version } => {
            let etag = format!("\"{version}\"");
            let known = headers.get("if-none-match");
            if known.is_some_and(|known| known == etag.as_str()) {
                return StatusCode::NOT_MODIFIED.into_response();
            }
            ([("etag", etag)], Json(body)).into_response()
        }
        Answer::Status(status, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, Json(body)).into_response()
        }
        Answer::Silence(silence, asked) => {
            asked.notify_one();
            match silence {
                Silence::BeforeHeaders => std::future::pending().await,
                Silence::WithinBody => {
                    let begun = stream::once(async { Ok::<_, Infallible>("{\"timestamp\": 1,") });
                    Body::from_stream(begun.chain(stream::pending())).into_response()
                }
            }
        }
    }
}

/// A rate of each currency.
pub(crate) const ALL: [(&str, f64); 7] = [
    ("EUR", 0.9),
    ("GBP", 0.75),
    ("CAD", 1.4),
    ("AUD", 1.5),
    ("JPY", 150.0),
    ("MXN", 18.4),
    ("BRL", 5.3),
];

/// The same, but for one currency.
pub(crate) fn all_but(currency: &'static str, rate: f64) -> Vec<(&'static str, f64)> {
    let changed = |(code, usual)| (code, if code == currency { rate } else { usual });
    ALL.into_iter().map(changed).collect()
}
