//! A push service that keeps topics and answers as it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use parking_lot::Mutex;
use platform::clock::Clock;
use platform::config::Secret;
use platform::providers::fcm::Fcm;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use url::Url;

/// A request about a topic: what was called, the topic, and how many tokens.
pub(crate) type TopicCall = (String, String, usize);

#[derive(Clone)]
pub(crate) struct TopicService {
    base: Url,
    state: Arc<Mutex<Service>>,
    /// Notified when a held call arrives.
    pub(crate) arrived: Arc<Notify>,
    pub(crate) released: Arc<Notify>,
}

#[derive(Default)]
struct Service {
    topics: BTreeMap<String, BTreeSet<String>>,
    calls: Vec<TopicCall>,
    /// The code of a token's next results.
    errors: BTreeMap<String, String>,
    /// Statuses of the next answers.
    statuses: VecDeque<u16>,
    /// The next call waits until it is released, and then has its effect.
    holds_next: bool,
}

#[derive(Deserialize)]
struct Batch {
    to: String,
    registration_tokens: Vec<String>,
}

impl TopicService {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let service = Self {
            base: base.parse().unwrap(),
            state: Arc::default(),
            arrived: Arc::default(),
            released: Arc::default(),
        };
        let routes = Router::new()
            .route("/iid/{operation}", post(change))
            .with_state(service.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        service
    }

    pub(crate) fn client(&self, clock: &Clock) -> Fcm {
        Fcm::new(&self.base, &Secret::new("given token"), clock.clone()).unwrap()
    }

    /// Topics with the devices subscribed to them.
    pub(crate) fn topics(&self) -> BTreeMap<String, Vec<String>> {
        let state = self.state.lock();
        let topics = state.topics.iter();
        topics
            .filter(|(_, tokens)| !tokens.is_empty())
            .map(|(topic, tokens)| (topic.clone(), tokens.iter().cloned().collect()))
            .collect()
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<TopicCall> {
        std::mem::take(&mut self.state.lock().calls)
    }

    /// This token's results are this error, until it is removed.
    pub(crate) fn set_error(&self, token: &str, code: Option<&str>) {
        let errors = &mut self.state.lock().errors;
        match code {
            Some(code) => errors.insert(token.to_owned(), code.to_owned()),
            None => errors.remove(token),
        };
    }

    /// The next calls are answered with these statuses.
    pub(crate) fn fail_next(&self, statuses: &[u16]) {
        self.state.lock().statuses.extend(statuses);
    }

    pub(crate) fn hold_next(&self) {
        self.state.lock().holds_next = true;
    }
}

async fn change(
    State(service): State<TopicService>,
    Path(operation): Path<String>,
    Json(batch): Json<Batch>,
) -> Response {
    let topic = batch.to.strip_prefix("/topics/").unwrap().to_owned();
    let is_held = {
        let mut state = service.state.lock();
        let call = (
            operation.clone(),
            topic.clone(),
            batch.registration_tokens.len(),
        );
        state.calls.push(call);
        if let Some(status) = state.statuses.pop_front() {
            let status = StatusCode::from_u16(status).unwrap();
            return (status, Json(json!({"error": "Unavailable"}))).into_response();
        }
        std::mem::take(&mut state.holds_next)
    };
    if is_held {
        service.arrived.notify_one();
        service.released.notified().await;
    }
    let mut state = service.state.lock();
    let Service { topics, errors, .. } = &mut *state;
    let members = topics.entry(topic).or_default();
    let results: Vec<_> = batch
        .registration_tokens
        .into_iter()
        .map(|token| match errors.get(&token) {
            Some(code) => json!({"error": code}),
            None => {
                match operation.as_str() {
                    "v1:batchAdd" => members.insert(token),
                    _ => members.remove(&token),
                };
                json!({})
            }
        })
        .collect();
    Json(json!({"results": results})).into_response()
}
