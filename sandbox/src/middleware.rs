//! Wraps every call to a provider: records it, injects faults, and applies Stripe's idempotency keys.

use std::convert::Infallible;
use std::io;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::request::Parts};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::calls::Call;
use crate::faults::{Effect, Timing};
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::stripe::{self, Claim};
use crate::{carriers, easypost, exchange_rates, fcm, form, twilio};

/// More than any of the APIs accepts.
pub(crate) const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Records the call, applies its faults, and passes it on.
pub(crate) async fn handle_call(
    State(sandbox): State<Sandbox>,
    request: Request,
    next: Next,
) -> Response {
    let Some(provider) = Provider::of(request.uri().path()) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let effects = sandbox.faults().for_call(provider, &method, &path);
    let call = record(&sandbox, provider, &parts, &body, &effects);
    let mut response = answer(&sandbox, provider, parts, body, next, &effects).await;
    if provider == Provider::Stripe
        && let Ok(id) = HeaderValue::from_str(&format!("req_{call}"))
    {
        response.headers_mut().insert("request-id", id);
    }
    sandbox
        .calls()
        .record_response(call, response.status().as_u16());
    response
}

/// The response for a path that belongs to no provider.
pub(crate) async fn no_such_path(request: Request) -> Response {
    let path = request.uri().path();
    let known = match Provider::of(path) {
        Some(provider) => provider.failure(404),
        None => json!({"error": format!("the sandbox has nothing at {path}")}),
    };
    (StatusCode::NOT_FOUND, Json(known)).into_response()
}

fn record(
    sandbox: &Sandbox,
    provider: Provider,
    parts: &Parts,
    body: &Bytes,
    effects: &[Effect],
) -> u64 {
    let shown = if body.is_empty() {
        Value::Null
    } else if is_form(&parts.headers) {
        Value::Object(without_secrets(form::parse(body)))
    } else {
        serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
    };
    let call = Call {
        id: 0,
        at: sandbox.clock().now(),
        provider,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(without_key),
        idempotency_key: text(&parts.headers, "idempotency-key").map(str::to_owned),
        body: shown,
        status: None,
        faults: effects.iter().map(Effect::name).collect(),
    };
    sandbox.calls().begin(call)
}

async fn answer(
    sandbox: &Sandbox,
    provider: Provider,
    parts: Parts,
    body: Bytes,
    next: Next,
    effects: &[Effect],
) -> Response {
    if let Err(refusal) = authorize(sandbox, provider, &parts) {
        return *refusal;
    }
    let claim = match stripe::claim(sandbox.idempotency(), provider, &parts, &body) {
        Ok(claim) => claim,
        Err(answered) => return *answered,
    };
    if let Some(failed) = apply_faults(provider, effects, Timing::Before).await {
        return failed;
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Some(claim) = claim {
        Claim::store(claim, parts.status, &body);
    }
    if let Some(failed) = apply_faults(provider, effects, Timing::After).await {
        return failed;
    }
    let cut = effects.iter().find_map(|effect| match effect {
        Effect::Truncate { bytes } => Some(bytes.unwrap_or(body.len() / 2).min(body.len())),
        _ => None,
    });
    let Some(cut) = cut else {
        return Response::from_parts(parts, Body::from(body));
    };
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    // Written bytes must be sent before the connection breaks: a body that fails at once is never sent.
    let start = stream::once(async move { Ok(body.slice(..cut)) });
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::other("cut by a fault"))
    });
    Response::from_parts(parts, Body::from_stream(start.chain(end)))
}

/// Applies the faults of this phase; `Some` replaces the provider's response.
async fn apply_faults(provider: Provider, effects: &[Effect], now: Timing) -> Option<Response> {
    for effect in effects {
        match effect {
            Effect::Delay { by, moment } if *moment == now => tokio::time::sleep(by.get()).await,
            Effect::Hang { moment } if *moment == now => {
                // Ends when the caller gives up and its connection is dropped.
                let never: Infallible = std::future::pending().await;
                match never {}
            }
            Effect::Status {
                status,
                retry_after,
                body,
                moment,
            } if *moment == now => {
                let code =
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let body = body.clone().unwrap_or_else(|| provider.failure(*status));
                let mut failed = (code, Json(body)).into_response();
                if let Some(seconds) = retry_after {
                    failed
                        .headers_mut()
                        .insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
                }
                return Some(failed);
            }
            _ => {}
        }
    }
    None
}

/// Whether the call has this provider's credentials. Any key in the right format is accepted.
fn authorize(sandbox: &Sandbox, provider: Provider, parts: &Parts) -> Result<(), Box<Response>> {
    match provider {
        Provider::Stripe => stripe::authorize(&parts.headers),
        Provider::Easypost => easypost::authorize(&parts.headers),
        Provider::Dhl => carriers::dhl::authorize(&parts.headers),
        Provider::Fedex | Provider::Ups => carriers::authorize(sandbox, provider, parts),
        Provider::ExchangeRates => exchange_rates::authorize(parts.uri.query()),
        Provider::Fcm => fcm::authorize(parts),
        Provider::Sms => twilio::authorize(parts),
        // They have no HTTP paths.
        Provider::Smtp | Provider::Fulfilment => Ok(()),
    }
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    text(headers, "authorization")?.strip_prefix("Bearer ")
}

/// User and password of `Authorization: Basic …`.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    use base64::Engine;
    let encoded = text(headers, "authorization")?.strip_prefix("Basic ")?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn is_form(headers: &HeaderMap) -> bool {
    text(headers, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

fn without_secrets(mut form: serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    for secret in ["client_secret", "assertion"] {
        if let Some(value) = form.get_mut(secret) {
            *value = "…".into();
        }
    }
    form
}

/// The query without Open Exchange Rates' key.
fn without_key(query: &str) -> String {
    query
        .split('&')
        .filter(|pair| !pair.starts_with("app_id="))
        .collect::<Vec<_>>()
        .join("&")
}
