//! A sandbox on a free port with a manual clock, and a webhook receiver.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use platform::supervisor::Supervisor;
use reqwest::{Method, RequestBuilder};
use sandbox::{Config, Sandbox};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Enough for a busy machine; never reached if all goes well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Kit {
    pub(crate) mail_address: SocketAddr,
    pub(crate) base: String,
    pub(crate) clock: Clock,
    pub(crate) http: reqwest::Client,
}

pub(crate) fn start() -> DateTime<Utc> {
    "2025-10-09T10:15:00Z".parse().unwrap()
}

/// Carriers that write exactly like their samples.
pub(crate) fn documented_forms() -> Config {
    Config {
        oddities: 0,
        ..Config::default()
    }
}

impl Kit {
    pub(crate) async fn start() -> Self {
        Self::with(documented_forms()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let clock = Clock::manual(start());
        let sandbox = Sandbox::new(config, clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        // Its tasks end with the test's runtime.
        sandbox.start(listener, &Supervisor::new()).unwrap();
        let mail = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mail_address = mail.local_addr().unwrap();
        sandbox.start_mail_server(mail, &Supervisor::new()).unwrap();
        Self {
            base,
            mail_address,
            clock,
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends JSON to the control API; asserts success.
    pub(crate) async fn control(&self, path: &str, body: Value) {
        let (status, answer) = answer(self.request(Method::POST, path).json(&body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
    }

    /// The recorded calls of a provider.
    pub(crate) async fn calls(&self, provider: &str) -> Vec<Value> {
        let path = format!("/_control/calls?provider={provider}");
        let (_, answer) = answer(self.request(Method::GET, &path)).await;
        answer["calls"].as_array().unwrap().clone()
    }

    pub(crate) fn stripe(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth("sk_test_sandbox")
    }

    /// Sends a form to Stripe.
    pub(crate) async fn stripe_post(&self, path: &str, form: &str) -> (u16, Value) {
        answer(self.stripe_form(path, form)).await
    }

    pub(crate) fn stripe_form(&self, path: &str, form: &str) -> RequestBuilder {
        self.stripe(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())
    }

    pub(crate) async fn stripe_get(&self, path: &str) -> (u16, Value) {
        answer(self.stripe(Method::GET, path)).await
    }

    pub(crate) async fn easypost(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, path).basic_auth("EZTK", Some(""));
        answer(if body.is_null() {
            request
        } else {
            request.json(&body)
        })
        .await
    }
}

/// The status and JSON of a response; null if it has none.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.timeout(PATIENCE).send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// A received webhook.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// Accepts webhooks after rejecting the first few.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    taken: Arc<Mutex<Vec<Received>>>,
    refuse: Arc<Mutex<usize>>,
    arrived: Arc<Notify>,
}

impl Receiver {
    /// Starts it and returns its URL.
    pub(crate) async fn start(refuse: usize) -> (Self, String) {
        let receiver = Self {
            refuse: Arc::new(Mutex::new(refuse)),
            ..Self::default()
        };
        let app = Router::new()
            .route("/hook", post(receive_webhook))
            .with_state(receiver.clone());
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (receiver, url)
    }

    /// The received webhooks, once there are at least this many.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let arrived = self.arrived.notified();
                let taken = self.taken.lock().unwrap().clone();
                if taken.len() >= count {
                    return taken;
                }
                arrived.await;
            }
        })
        .await
        .expect("the webhooks arrive in time")
    }
}

async fn receive_webhook(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut refuse = receiver.refuse.lock().unwrap();
    if *refuse > 0 {
        *refuse -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver
        .taken
        .lock()
        .unwrap()
        .push(Received { headers, body });
    receiver.arrived.notify_one();
    StatusCode::OK
}
