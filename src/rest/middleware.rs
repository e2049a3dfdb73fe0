//! What all routes have in common: version, authentication, limits, and the headers of responses.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use platform::panics;
use platform::telemetry::access_log::OperationDetails;
use router::server::{ClientRequest, ServerState};

use super::error::{ErrorLabel, RestError};
use super::error_code::RestErrorCode;
use super::request::RestRequest;
use super::trace::trace_id;
use super::{API_VERSION, CORRELATION_ID, TRACE_ID};

/// The version of the routes, which clients may name in a header.
const VERSION: &str = "v1";

/// Limits on the requests of some routes.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) state: ServerState,
    pub(super) max_body_bytes: usize,
    /// Whether they open WebSockets.
    pub(super) upgrades: bool,
}

/// Adds the ids for finding a request to its response, also for unknown paths and methods.
pub(super) async fn identify_answer(mut request: Request, next: Next) -> Response {
    let trace = trace_id(request.headers_mut());
    let correlation = request.headers().get(CORRELATION_ID).cloned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(trace) = HeaderValue::from_str(&trace) {
        headers.insert(TRACE_ID, trace);
    }
    // The request's own id is added for all routes of the process.
    if let Some(correlation) = correlation {
        headers.insert(CORRELATION_ID, correlation);
    }
    response
}

/// Passes a request to its handler once its sender is verified and its body has arrived.
pub(super) async fn receive(
    State(limits): State<Limits>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let (mut response, mut details) = match read(&limits, &parts, body).await {
        Ok(received) => {
            let received = Arc::new(received);
            let mut request = Request::from_parts(parts, Body::empty());
            request.extensions_mut().insert(Arc::clone(&received));
            let handled = panics::catch(next.run(request)).await;
            let mut response = handled.unwrap_or_else(|_| {
                tracing::error!("a request panicked");
                RestError::internal().into_response()
            });
            received.client.set_rate(response.headers_mut());
            (response, received.client.finish())
        }
        Err((error, details)) => (error.into_response(), details),
    };
    if let Some(ErrorLabel(code)) = response.extensions_mut().remove() {
        // The graph's code is more specific.
        details.code.get_or_insert(code);
    }
    response.extensions_mut().insert(details);
    record(route.as_str(), response.status(), started);
    response
}

/// Verifies and reads a request. A rejection comes with its details for the access log.
async fn read(
    limits: &Limits,
    parts: &request::Parts,
    body: Body,
) -> Result<RestRequest, (RestError, OperationDetails)> {
    let not_read = |error| (error, OperationDetails::default());
    if limits.upgrades {
        let admitted = limits.state.admit_upgrade(parts).await;
        admitted.map_err(|refusal| not_read(refusal.into()))?;
    }
    check_version(&parts.headers).map_err(not_read)?;
    let client = ClientRequest::identify(&limits.state, parts).await;
    let client = client.map_err(|(refusal, details)| (refusal.into(), details))?;
    match client
        .read(&parts.headers, body, limits.max_body_bytes)
        .await
    {
        Ok(body) => Ok(RestRequest::new(client, parts.clone(), body)),
        Err(refusal) => Err((refusal.into(), client.finish())),
    }
}

fn check_version(headers: &HeaderMap) -> Result<(), RestError> {
    let mut asked = headers.get_all(API_VERSION).iter();
    if asked.all(|version| version == VERSION) {
        return Ok(());
    }
    let message = format!("X-API-Version must be {VERSION} or omitted");
    let status = StatusCode::BAD_REQUEST;
    Err(RestError::new(
        status,
        RestErrorCode::UnsupportedApiVersion,
        message,
    ))
}

fn record(route: &str, status: StatusCode, started: Instant) {
    let (route, status) = (route.to_owned(), status.as_str().to_owned());
    counter!("vantage_rest_requests_total", "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!("vantage_rest_request_duration_seconds", "route" => route)
        .record(started.elapsed().as_secs_f64());
}
