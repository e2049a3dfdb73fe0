//! REST, for clients of the system that this graph replaces. Each route runs an operation of the graph, kept in
//! `router-config/rest/`, and converts its result to that system's format. No business rule is implemented here.
#![expect(
    clippy::result_large_err,
    reason = "an error is the response to its request, and is moved once"
)]

mod error;
mod error_code;
mod fields;
mod middleware;
mod notification_preferences;
mod openapi;
mod operations;
mod request;
mod returns;
mod trace;
mod tracking;
mod tracking_socket;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post, put};
use bytes::Bytes;
use router::server::{Allowed, ServerState, for_pages};

use self::error::RestError;
#[cfg(test)]
pub(crate) use self::error_code::RestErrorCode;
use self::middleware::Limits;
pub(crate) use self::openapi::document;
pub(crate) use self::operations::{CLIENT, check, client};
use self::tracking_socket::MaxMessageBytes;
use crate::config::Rest;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const API_VERSION: HeaderName = HeaderName::from_static("x-api-version");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const FALLBACK_REASON: HeaderName = HeaderName::from_static("x-fallback-reason");
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const WS_CONNECTION_ID: HeaderName = HeaderName::from_static("x-ws-connection-id");

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The routes; none if they are disabled.
pub(crate) fn routes(state: &ServerState, config: &Rest) -> anyhow::Result<axum::Router> {
    if !config.enabled {
        return Ok(axum::Router::new());
    }
    let document = Bytes::from(document()?);
    let limits = Limits {
        state: state.clone(),
        max_body_bytes: config.max_body_bytes.get(),
        upgrades: false,
    };
    let routes = axum::Router::new()
        .route("/api/v1/returns", post(returns::create))
        .route("/api/v1/returns/{id}", get(returns::show))
        .route("/api/v1/returns/{id}/label", put(returns::label))
        .route(
            "/api/v1/users/{id}/notification-preferences",
            get(notification_preferences::show).put(notification_preferences::update),
        )
        .route("/api/v2/orders/{id}/tracking", get(tracking::show))
        .route_layer(from_fn_with_state(limits, middleware::receive))
        .merge(sockets(state, config))
        .route(
            openapi::PATH,
            get(async || ([(CONTENT_TYPE, JSON)], document)),
        )
        .method_not_allowed_fallback(async || RestError::method_not_allowed())
        .route("/api/{*path}", any(async || RestError::no_such_route()))
        .route("/ws/{*path}", any(async || RestError::no_such_route()))
        .layer(from_fn(middleware::identify_answer));
    let allowed = Allowed {
        methods: &[Method::GET, Method::POST, Method::PUT],
        headers: &[
            IDEMPOTENCY_KEY,
            API_VERSION,
            CORRELATION_ID,
            FALLBACK_REASON,
        ],
        exposed: &[CORRELATION_ID, TRACE_ID],
    };
    Ok(for_pages(routes, state, &allowed))
}

/// The WebSocket routes, whose requests have hardly any body.
fn sockets(state: &ServerState, config: &Rest) -> axum::Router {
    let max_message_bytes = config.max_message_bytes.get();
    let limits = Limits {
        state: state.clone(),
        max_body_bytes: max_message_bytes,
        upgrades: true,
    };
    axum::Router::new()
        .route("/ws/orders/{id}/track", get(tracking_socket::upgrade))
        .route_layer(from_fn_with_state(limits, middleware::receive))
        .with_state(MaxMessageBytes(max_message_bytes))
}
