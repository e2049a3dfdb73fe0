//! A partner's server, which records what it receives and answers as it is told.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;

/// A webhook as it was received.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signatures: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The object that it is about, and its number.
    pub(crate) fn object(&self) -> (String, i64) {
        let json = self.json();
        let object = json["objectId"].as_str().unwrap().to_owned();
        (object, json["sequence"].as_i64().unwrap())
    }
}

/// An answer: a status, and `Retry-After` in seconds.
pub(crate) type Answer = (u16, Option<u64>);

#[derive(Clone, Default)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    /// Answers to the next webhooks; then all are accepted.
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/hooks", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let routes = Router::new()
            .route("/hooks", post(receive))
            .with_state(receiver.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        receiver
    }

    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().extend(answers);
    }

    /// What was received since this was called before.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock())
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, HeaderMap) {
    let sent = |name: &str| headers[name].to_str().unwrap().to_owned();
    receiver.received.lock().push(Received {
        id: sent("webhook-id"),
        timestamp: sent("webhook-timestamp"),
        signatures: sent("webhook-signature"),
        body,
    });
    let (status, retry_after) = receiver.answers.lock().pop_front().unwrap_or((204, None));
    let mut answered = HeaderMap::new();
    if let Some(seconds) = retry_after {
        answered.insert("retry-after", seconds.to_string().parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), answered)
}
