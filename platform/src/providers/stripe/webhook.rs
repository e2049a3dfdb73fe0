//! Stripe's webhooks: their signatures and their events.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::config::Secret;
use crate::http::is_hmac_sha256;
use crate::json;

/// Largest allowed difference between a webhook's time and ours, in seconds.
const TOLERANCE: u64 = 5 * 60;

/// A webhook's event. The object is as it was at that time: events arrive late, repeated and in any order.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds since 1970.
    #[serde(deserialize_with = "json::deserialize_integer")]
    pub created: i64,
    pub data: EventData,
}

#[derive(Clone, Debug, Deserialize)]
pub struct EventData {
    pub object: Value,
}

/// Why a webhook was rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("the signature is not Stripe's")]
    Forged,
    #[error("the signature is too old, or dated in the future")]
    Stale,
    #[error("the body is not an event")]
    Malformed,
}

/// Parses a webhook's event, if Stripe signed this raw body within five minutes of `now`.
pub fn event(
    secret: &Secret,
    signature: &str,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Event, WebhookError> {
    let fields = || {
        signature
            .split(',')
            .filter_map(|pair| pair.trim().split_once('='))
    };
    let time = fields()
        .find_map(|(name, value)| (name == "t").then_some(value))
        .ok_or(WebhookError::Forged)?;
    // There are several signatures while a secret is being rotated.
    let is_signed = fields().any(|(name, hex)| {
        name == "v1" && is_hmac_sha256(secret, &[time.as_bytes(), b".", body], hex)
    });
    if !is_signed {
        return Err(WebhookError::Forged);
    }
    let time: i64 = time.parse().map_err(|_| WebhookError::Forged)?;
    if now.timestamp().abs_diff(time) > TOLERANCE {
        return Err(WebhookError::Stale);
    }
    json::from_slice(body).map_err(|_| WebhookError::Malformed)
}
