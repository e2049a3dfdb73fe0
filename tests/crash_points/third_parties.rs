//! The sandbox's Stripe and EasyPost, which outlive processes. Calls that may change something are effects of the process
//! that runs.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use platform::clock::Clock;
use platform::testing::effects::{Effects, Fault, Kind};
use sandbox::{Config, Sandbox};
use serde_json::Value;
use tokio::net::TcpListener;
use url::Url;

/// Any key in Stripe's format is accepted.
pub(crate) const STRIPE_KEY: &str = "sk_test_crash_points";
pub(crate) const EASYPOST_KEY: &str = "EZTK_crash_points";

pub(crate) struct ThirdParties {
    pub(crate) url: Url,
    /// Of the process that runs.
    effects: Arc<Mutex<Effects>>,
    http: reqwest::Client,
}

impl ThirdParties {
    pub(crate) async fn start(clock: &Clock) -> Self {
        // As documented, without the carriers' oddities.
        let config = Config {
            oddities: 0,
            ..Config::default()
        };
        let effects: Arc<Mutex<Effects>> = Arc::default();
        let app = Sandbox::new(config, clock.clone())
            .app()
            .layer(from_fn_with_state(Arc::clone(&effects), count));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url: url.parse().unwrap(),
            effects,
            http: reqwest::Client::new(),
        }
    }

    /// From now on calls are effects of this process.
    pub(crate) fn serve(&self, effects: &Effects) {
        *self.effects.lock() = effects.clone();
    }

    /// What Stripe has at this path, newest first.
    pub(crate) async fn stripe_list(&self, path: &str) -> Vec<Value> {
        let request = self.http.get(self.url.join(path).unwrap());
        let answer = request.bearer_auth(STRIPE_KEY).send().await.unwrap();
        let body = answer.bytes().await.unwrap();
        let mut list: Value = serde_json::from_slice(&body).unwrap();
        let Value::Array(data) = list["data"].take() else {
            panic!("{path}: {list:#}");
        };
        data
    }

    /// The newest shipments at EasyPost.
    pub(crate) async fn shipments(&self) -> Vec<Value> {
        let url = self.url.join("/v2/shipments?page_size=100").unwrap();
        let request = self.http.get(url).basic_auth(EASYPOST_KEY, Some(""));
        let body = request.send().await.unwrap().bytes().await.unwrap();
        let mut list: Value = serde_json::from_slice(&body).unwrap();
        let Value::Array(shipments) = list["shipments"].take() else {
            panic!("{list:#}");
        };
        shipments
    }
}

/// More than any call here has.
const MAX_BODY: usize = 1 << 20;

async fn count(
    State(effects): State<Arc<Mutex<Effects>>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    let effects = effects.lock().clone();
    match effects.next(Kind::Call).await {
        Some(Fault::Lost) => {
            next.run(request).await;
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Fault::Twice) => {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, MAX_BODY).await.unwrap();
            let again = || Request::from_parts(parts.clone(), Body::from(body.clone()));
            next.clone().run(again()).await;
            next.run(again()).await
        }
        _ => next.run(request).await,
    }
}
