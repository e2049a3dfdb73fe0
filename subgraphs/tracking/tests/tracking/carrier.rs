//! A fake carrier that answers as a test configures it, in DHL's format.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use platform::config::Secret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracking::{Carrier, CarrierAccess, Carriers, TrackingConfig};

use crate::fixture::Fixture;

/// DHL's configured responses by number, and the requests it received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dhl(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: HashMap<String, Value>,
    status: Option<u16>,
    asked: Vec<String>,
}

impl Dhl {
    /// Serves it, and configures the fixture to poll it.
    pub(crate) async fn of(fixture: &mut Fixture, config: TrackingConfig) -> Self {
        let dhl = Self::default();
        let app = axum::Router::new()
            .route("/track/shipments", get(answer))
            .with_state(dhl.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let access = CarrierAccess {
            url: url.parse().unwrap(),
            account: String::new(),
            key: Secret::new("key"),
        };
        fixture.state.carriers = Carriers::default()
            .with_api(Carrier::Dhl, access, &config.dhl, &fixture.state.clock)
            .unwrap();
        fixture.state.config = Arc::new(config);
        dhl
    }

    /// Sets its scans: code, description, place and time.
    pub(crate) fn tells(&self, number: &str, scans: &[[&str; 4]]) {
        let mut script = self.0.lock().unwrap();
        script
            .answers
            .insert(number.to_owned(), report(number, scans));
    }

    /// Makes it answer with this status only.
    pub(crate) fn fails(&self, status: Option<u16>) {
        self.0.lock().unwrap().status = status;
    }

    /// The numbers requested since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

/// A response in DHL's format.
pub(crate) fn report(number: &str, scans: &[[&str; 4]]) -> Value {
    let events: Vec<_> = scans
        .iter()
        .rev()
        .map(|[code, words, place, time]| {
            json!({
                "statusCode": code,
                "status": words,
                "location": {"address": {"addressLocality": place}},
                "timestamp": time,
            })
        })
        .collect();
    json!({"shipments": [{"id": number, "status": events[0], "details": {}, "events": events}]})
}

async fn answer(State(dhl): State<Dhl>, Query(query): Query<HashMap<String, String>>) -> Response {
    let number = &query["trackingNumber"];
    let mut script = dhl.0.lock().unwrap();
    script.asked.push(number.clone());
    if let Some(status) = script.status {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    match script.answers.get(number) {
        Some(answer) => Json(answer.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
