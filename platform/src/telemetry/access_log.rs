//! One log line per HTTP request, and one request id in every line the request causes.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{Method, Version};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span};

use super::request_id::{REQUEST_ID, header_value, request_id};
use super::traces;

/// The log target of access lines, so that they can be filtered separately.
pub(super) const TARGET: &str = "access";

/// Paths polled by orchestrators and scrapers every few seconds; logged at `debug`.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Details of a request to a GraphQL endpoint, passed in the response's extensions.
#[derive(Clone, Debug, Default)]
pub struct OperationDetails {
    /// The operation's name; `None` if anonymous.
    pub operation: Option<String>,
    /// `query`, `mutation` or `subscription`; `batch` for a request with several operations; `None` if rejected before
    /// it was known.
    pub kind: Option<&'static str>,
    /// The client's self-declared name.
    pub client: Option<String>,
    pub client_version: Option<String>,
    /// The first error's code.
    pub code: Option<String>,
}

/// Logs the request, and handles it within a span that has its id. A layer around all routes of a listener
/// (`axum::middleware::from_fn`).
pub async fn log_request(mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let header = header_value(&id);
    // Inner layers read the same id from the header.
    request.headers_mut().insert(REQUEST_ID, header.clone());
    // At the highest level, so that lines of every level carry the id.
    let span = tracing::error_span!("request", request_id = id, trace_id = tracing::field::Empty);
    let traced = span.in_scope(|| trace_request(&request));
    if let Some(trace_id) = traces::trace_id(&traced) {
        span.record("trace_id", trace_id);
        // Inner layers find the trace in the headers.
        traces::inject(&traced, request.headers_mut());
    }
    let mut line = AccessLine {
        started: Instant::now(),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        protocol: request.version(),
        span: span.clone(),
        traced: traced.clone(),
        status: None,
        details: OperationDetails::default(),
    };
    let mut response = next.run(request).instrument(traced).instrument(span).await;
    line.status = Some(response.status().as_u16());
    line.details = response.extensions_mut().remove().unwrap_or_default();
    response.headers_mut().insert(REQUEST_ID, header);
    response
}

/// The request's span for traces, which continues the client's.
fn trace_request(request: &Request) -> Span {
    let path = request.uri().path();
    if PROBES.contains(&path) {
        return Span::none();
    }
    let method = known_method(request.method());
    let span = tracing::info_span!(
        target: traces::TARGET,
        "request",
        otel.kind = "server",
        otel.name = method.unwrap_or("HTTP"),
        http.request.method = method.unwrap_or("_OTHER"),
        url.path = path,
        url.scheme = request.uri().scheme_str().unwrap_or("http"),
        network.protocol.version = protocol_version(request.version()),
    );
    traces::continue_from(&span, request.headers());
    span
}

/// Clients may invent methods, which must not become names.
fn known_method(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 7] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// Logs a request when dropped, which also covers clients that hang up.
struct AccessLine {
    started: Instant,
    method: Method,
    /// Without the query string, which may contain credentials.
    path: String,
    protocol: Version,
    span: Span,
    /// The span for traces.
    traced: Span,
    /// `None` if there was no response.
    status: Option<u16>,
    details: OperationDetails,
}

/// The status logged when the client did not wait for the response.
const CLIENT_CLOSED: u16 = 499;

impl Drop for AccessLine {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        if let Some(status) = self.status {
            traces::set_status(&self.traced, status);
            if status >= 500 {
                traces::fail(&self.traced, status.to_string());
            }
        }
        let status = self.status.unwrap_or(CLIENT_CLOSED);
        let is_probe = status < 400 && PROBES.contains(&self.path.as_str());
        if is_probe {
            tracing::debug!(
                target: TARGET,
                method = %self.method,
                path = self.path,
                status,
                ms = milliseconds(self.started),
                "request"
            );
            return;
        }
        let details = &self.details;
        tracing::info!(
            target: TARGET,
            method = %self.method,
            path = self.path,
            protocol = ?self.protocol,
            operation = details.operation,
            kind = details.kind,
            client = details.client,
            client_version = details.client_version,
            status,
            code = details.code,
            ms = milliseconds(self.started),
            "request"
        );
    }
}

/// Logs an operation that has no HTTP request of its own: part of a batch, or sent over a WebSocket with this protocol.
/// A subscription's duration is the time until it started.
pub fn log_operation(protocol: &str, details: &OperationDetails, started: Instant) {
    tracing::info!(
        target: TARGET,
        protocol,
        operation = details.operation,
        kind = details.kind,
        client = details.client,
        client_version = details.client_version,
        code = details.code,
        ms = milliseconds(started),
        "request"
    );
}

/// With two decimals.
fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
}
