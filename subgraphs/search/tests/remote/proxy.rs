//! A proxy in front of a node, which can be slow, refuse, or answer in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// What happens to requests.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    None,
    /// No answer.
    Hangs,
    /// This status and body, for paths that contain the text; as often as said.
    Answers(&'static str, StatusCode, Value, usize),
}

#[derive(Clone)]
pub(crate) struct Proxy {
    pub url: Url,
    fault: Arc<Mutex<Fault>>,
    seen: Arc<Mutex<Vec<String>>>,
    answered: Arc<AtomicUsize>,
    upstream: Url,
    http: reqwest::Client,
}

impl Proxy {
    /// In front of this node.
    pub(crate) async fn start(upstream: &Url) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self {
            url: url.parse().unwrap(),
            fault: Arc::new(Mutex::new(Fault::None)),
            seen: Arc::default(),
            answered: Arc::default(),
            upstream: upstream.clone(),
            http: reqwest::Client::new(),
        };
        let app = axum::Router::new().fallback(pass).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        proxy
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.answered.store(0, Ordering::Relaxed);
        *self.fault.lock() = fault;
    }

    /// How many requests this fault has answered.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many requests had this in their path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen
            .lock()
            .iter()
            .filter(|seen| seen.contains(path))
            .count()
    }
}

/// An error as nodes write it.
pub(crate) fn error(kind: &str, reason: &str) -> Value {
    let error = json!({ "type": kind, "reason": reason });
    json!({ "error": { "root_cause": [error], "type": kind, "reason": reason } })
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    proxy.seen.lock().push(path.clone());
    let fault = proxy.fault.lock().clone();
    match fault {
        Fault::Hangs => std::future::pending().await,
        Fault::Answers(part, status, body, times)
            if path.contains(part) && proxy.answered() < times =>
        {
            proxy.answered.fetch_add(1, Ordering::Relaxed);
            return (status, axum::Json(body)).into_response();
        }
        _ => {}
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let url = proxy.upstream.join(&path).unwrap();
    let mut forwarded = proxy.http.request(parts.method, url).body(body);
    if let Some(kind) = parts.headers.get("content-type") {
        forwarded = forwarded.header("content-type", kind);
    }
    let answer = forwarded.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get("content-type") {
        response = response.header("content-type", kind);
    }
    response
        .body(Body::from(answer.bytes().await.unwrap()))
        .unwrap()
}
