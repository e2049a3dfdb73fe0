//! Handles the requests of one connection: common response headers, and requests rejected before the application.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use platform::error_code::ErrorCode;
use router::server::Unsent;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::activity::Activity;
use super::body::{Arriving, Leaving};
use super::connection_limits::LimitReached;

/// Paths served even when the limits are reached.
const HEALTH_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// How the requests of a connection are served. Clones share it.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) app: Router,
    pub(super) peer: SocketAddr,
    pub(super) activity: Arc<Activity>,
    pub(super) unsent: Unsent,
    /// Set if only health checks are served.
    pub(super) refused: Option<LimitReached>,
    pub(super) body_timeout: Duration,
    /// Tells clients to open another connection for their next request.
    pub(super) stopping: CancellationToken,
}

impl Service {
    pub(super) async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Leaving>, Infallible> {
        let version = request.version();
        let is_http1 = version <= Version::HTTP_11;
        let in_flight = self.activity.begin(!is_http1);
        let (mut response, is_last) = if lacks_host(&request) {
            let words = "an HTTP/1.1 request must have one Host header\n";
            ((StatusCode::BAD_REQUEST, words).into_response(), true)
        } else if let Some(refused) = self.refused
            && !HEALTH_PATHS.contains(&request.uri().path())
        {
            (refusal(refused), true)
        } else {
            let timeout = self.body_timeout;
            let mut request = request.map(|body| Body::new(Arriving::new(body, timeout)));
            request.extensions_mut().insert(ConnectInfo(self.peer));
            request.extensions_mut().insert(self.unsent);
            let response = self.app.oneshot(request).await?;
            (response, self.refused.is_some())
        };
        let headers = response.headers_mut();
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if is_http1 && !is_upgrade && (is_last || self.stopping.is_cancelled()) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(response.map(|body| Leaving::new(body, in_flight)))
    }
}

/// HTTP/1.1 requires exactly one, even with an absolute URL.
fn lacks_host(request: &Request<Incoming>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    request.version() == Version::HTTP_11 && hosts != 1
}

fn refusal(refused: LimitReached) -> Response<Body> {
    let (status, message) = match refused {
        LimitReached::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many connections"),
        LimitReached::Address => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many connections from this address",
        ),
    };
    let body = serde_json::json!({
        "errors": [{ "message": message, "extensions": { "code": ErrorCode::RateLimited.as_str() } }]
    });
    (status, [(header::RETRY_AFTER, "5")], axum::Json(body)).into_response()
}
