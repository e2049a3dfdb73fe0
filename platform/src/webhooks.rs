//! Webhooks. Those of providers are received here, in the same way for each; the modules send ours to partners.
//!
//! Without a secret there is no route, so the answer is 404. A missing or wrong signature is answered with 401, an
//! unreadable body with 400, and a failure, a panic included, with 503; providers send the latter two again. What a rule
//! refuses is answered with 422 and the code. Everything else is 200. A repeated webhook must have no further effect: record its id with [`consume_once`](crate::inbox::consume_once)
//! in the transaction of the effect, or make the effect idempotent.

mod address;
mod schedule;
mod sender;
mod signing;
mod subscription;

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use metrics::counter;
use serde_json::Value;

use crate::config::Secret;
use crate::http::is_body_signature;
use crate::json;
use crate::panics;

pub use address::is_public;
pub use schedule::RetrySchedule;
pub use sender::{DeliveryError, SenderError, UrlError, WebhookSender, WebhookSenderConfig};
pub use signing::{SigningKey, SigningSecret, signature_header};
pub use subscription::{
    Customers, Subscription, SubscriptionError, SubscriptionSecret, is_event_pattern,
};

/// EasyPost's header, which our carriers' webhooks use too.
const SIGNATURE: &str = "x-hmac-signature";

/// The webhooks of one provider.
#[async_trait]
pub trait Webhook: Send + Sync + 'static {
    type Message: Send;

    /// The provider's name in metrics and the log.
    fn provider(&self) -> &'static str;

    /// Verifies the signature, then reads the body.
    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Self::Message, WebhookError>;

    /// Applies a message.
    async fn apply(&self, message: Self::Message) -> Result<Applied, WebhookError>;
}

/// The outcome of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was applied.
    Done,
    /// It had been received before.
    Repeated,
    /// It does not concern us.
    Ignored,
}

/// Why a webhook was not applied. The text is only logged.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("it is not signed by the provider: {0}")]
    Forged(String),
    #[error("the body cannot be read: {0}")]
    Unreadable(String),
    /// A rule refuses it, whenever it is sent. Unlike the others, this is shown to the sender.
    #[error("{code}: {message}")]
    Refused { code: &'static str, message: String },
    #[error("{0}")]
    Failed(String),
}

impl WebhookError {
    /// A failure that may be gone when the webhook is sent again.
    pub fn failed(error: &dyn std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The route of a provider's webhooks.
pub fn route(path: &str, webhook: impl Webhook) -> Router {
    Router::new()
        .route(path, post(receive))
        .with_state(Arc::new(webhook))
}

async fn receive<W: Webhook>(
    State(webhook): State<Arc<W>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Cow<'static, str>) {
    let applying = panics::catch(async {
        let message = webhook.read(&headers, &body)?;
        webhook.apply(message).await
    });
    let result = applying
        .await
        .unwrap_or_else(|message| Err(WebhookError::Failed(format!("it panicked: {message}"))));
    let provider = webhook.provider();
    let (outcome, status, answer) = match &result {
        Ok(Applied::Done) => ("applied", StatusCode::OK, Cow::Borrowed("thank you\n")),
        Ok(Applied::Repeated) => ("repeated", StatusCode::OK, Cow::Borrowed("thank you\n")),
        Ok(Applied::Ignored) => ("ignored", StatusCode::OK, Cow::Borrowed("thank you\n")),
        Err(WebhookError::Forged(_)) => (
            "forged",
            StatusCode::UNAUTHORIZED,
            Cow::Borrowed("the signature is missing or not valid\n"),
        ),
        Err(WebhookError::Unreadable(_)) => (
            "unreadable",
            StatusCode::BAD_REQUEST,
            Cow::Borrowed("the body cannot be read\n"),
        ),
        Err(error @ WebhookError::Refused { .. }) => (
            "refused",
            StatusCode::UNPROCESSABLE_ENTITY,
            Cow::Owned(format!("{error}\n")),
        ),
        Err(WebhookError::Failed(_)) => (
            "failed",
            StatusCode::SERVICE_UNAVAILABLE,
            Cow::Borrowed("temporarily unavailable: send it again\n"),
        ),
    };
    match &result {
        Ok(_) => tracing::debug!(provider, outcome, "webhook received"),
        Err(error) => tracing::warn!(provider, outcome, %error, "webhook not applied"),
    }
    counter!("vantage_webhooks_total", "provider" => provider, "outcome" => outcome).increment(1);
    (status, answer)
}

/// One secret, or several that overlap while the sender changes to the next one.
pub trait Secrets {
    fn all(&self) -> &[Secret];
}

impl Secrets for Secret {
    fn all(&self) -> &[Secret] {
        slice::from_ref(self)
    }
}

impl Secrets for Vec<Secret> {
    fn all(&self) -> &[Secret] {
        self
    }
}

/// Parses the JSON body leniently, if it was signed with one of these secrets in `x-hmac-signature`.
pub fn signed_json(
    secrets: &impl Secrets,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, WebhookError> {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let Some(signature) = signature else {
        return Err(WebhookError::Forged(format!("{SIGNATURE} is missing")));
    };
    let is_signed = |secret| is_body_signature(secret, signature, body);
    if !secrets.all().iter().any(is_signed) {
        return Err(WebhookError::Forged(format!(
            "{SIGNATURE} does not match the body and secret"
        )));
    }
    json::from_slice(body).map_err(|error| WebhookError::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    struct Panicking;

    #[async_trait]
    impl Webhook for Panicking {
        type Message = ();

        fn provider(&self) -> &'static str {
            "pigeons"
        }

        fn read(&self, _: &HeaderMap, body: &[u8]) -> Result<(), WebhookError> {
            assert!(!body.is_empty(), "as a defect would");
            Ok(())
        }

        async fn apply(&self, (): ()) -> Result<Applied, WebhookError> {
            panic!("as a defect would")
        }
    }

    #[tokio::test]
    async fn a_webhook_that_panics_is_to_be_sent_again() {
        for body in ["", "{}"] {
            let request = Request::post("/webhooks/pigeons").body(Body::from(body));
            let app = route("/webhooks/pigeons", Panicking);
            let answer = app.oneshot(request.unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}
