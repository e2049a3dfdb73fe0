//! Idempotency keys: the first response is stored and repeated; another request with the same key is rejected.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::error::StripeError;
use crate::middleware::text;
use crate::provider::Provider;

/// Used keys with their responses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idempotency(Arc<Mutex<HashMap<String, Used>>>);

#[derive(Clone, Debug)]
struct Used {
    fingerprint: [u8; 32],
    /// `None` while the request is in progress.
    answer: Option<(StatusCode, Bytes)>,
}

/// The right to answer a key's first request. Dropping it without an answer frees the key.
#[derive(Debug)]
pub(crate) struct Claim {
    keys: Idempotency,
    key: String,
    kept: bool,
}

/// Claims the key of a request, if it has one; `Err` is the response if the key is already in use.
pub(crate) fn claim(
    keys: &Idempotency,
    provider: Provider,
    parts: &Parts,
    body: &Bytes,
) -> Result<Option<Claim>, Box<Response>> {
    if provider != Provider::Stripe || parts.method != Method::POST {
        return Ok(None);
    }
    let Some(key) = text(&parts.headers, "idempotency-key") else {
        return Ok(None);
    };
    let mut hash = Sha256::new();
    hash.update(parts.uri.path());
    hash.update([0]);
    hash.update(body);
    let fingerprint: [u8; 32] = hash.finalize().into();

    let mut used = keys.0.lock();
    match used.get(key) {
        None => {}
        Some(first) if first.fingerprint != fingerprint => {
            return Err(Box::new(
                StripeError::KeyReused(key.to_owned()).into_response(),
            ));
        }
        Some(Used { answer: None, .. }) => {
            return Err(Box::new(
                StripeError::KeyInUse(key.to_owned()).into_response(),
            ));
        }
        Some(Used {
            answer: Some((status, body)),
            ..
        }) => return Err(Box::new(replay(*status, body.clone()))),
    }
    used.insert(
        key.to_owned(),
        Used {
            fingerprint,
            answer: None,
        },
    );
    Ok(Some(Claim {
        keys: keys.clone(),
        key: key.to_owned(),
        kept: false,
    }))
}

fn replay(status: StatusCode, body: Bytes) -> Response {
    let replayed = (
        HeaderName::from_static("idempotent-replayed"),
        HeaderValue::from_static("true"),
    );
    let json = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    (status, [replayed, json], body).into_response()
}

impl Claim {
    /// Stores the response, unless the request was rejected before anything was done.
    pub(crate) fn store(mut self, status: StatusCode, body: &Bytes) {
        // A declined card is a result; invalid parameters are not.
        if status == StatusCode::BAD_REQUEST || status == StatusCode::NOT_FOUND {
            return;
        }
        self.kept = true;
        if let Some(used) = self.keys.0.lock().get_mut(&self.key) {
            used.answer = Some((status, body.clone()));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.kept {
            self.keys.0.lock().remove(&self.key);
        }
    }
}

impl Idempotency {
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}
