//! What may be shared of calls to a subgraph: raw answers, by everything that they depend on.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use platform::telemetry::request_id::REQUEST_ID;

use super::SubgraphRequest;
use crate::cache_control::CachePolicy;
use crate::request::TRACING;

/// A subgraph's response, not decoded yet.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) cache: Option<CachePolicy>,
    pub(super) stale_for: Option<Duration>,
    pub(super) body: Bytes,
}

/// Everything that a response may depend on. `headers` excludes the signed caller.
pub(super) fn key(
    request: &SubgraphRequest,
    is_signed: bool,
    headers: &HeaderMap,
    body: &Bytes,
) -> Box<[u8]> {
    let mut key = Vec::with_capacity(body.len() + 256);
    for (name, value) in headers {
        let follows_request = TRACING.contains(&name.as_str()) || name == REQUEST_ID;
        if !follows_request {
            key.extend_from_slice(name.as_str().as_bytes());
            key.push(b':');
            key.extend_from_slice(value.as_bytes());
            // A separator that no header contains, so that two keys never collide.
            key.push(0);
        }
    }
    if is_signed {
        let identity = request.context.caller.identity();
        key.extend_from_slice(&serde_json::to_vec(&identity).unwrap_or_default());
    }
    key.push(0);
    key.extend_from_slice(body);
    key.into()
}
