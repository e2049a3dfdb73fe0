//! Stripe's errors.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::provider::reason;

/// Why Stripe rejects a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum StripeError {
    #[error(
        "You did not provide an API key. You need to provide your API key in the Authorization header."
    )]
    NoKey,
    #[error("Invalid API Key provided.")]
    InvalidKey,
    #[error("No such {object}: '{id}'")]
    NotFound {
        object: &'static str,
        id: String,
        param: &'static str,
    },
    #[error("Missing required param: {0}.")]
    Missing(&'static str),
    #[error("Received unknown parameter: {0}")]
    Unknown(String),
    #[error("{message}")]
    Invalid {
        code: &'static str,
        param: Option<String>,
        message: String,
    },
    /// The object is not in the right state.
    #[error("{message}")]
    State {
        code: &'static str,
        message: String,
        payment_intent: Option<Value>,
    },
    #[error("{}", .0.message)]
    Card(Box<Declined>),
    #[error(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{0}' if you meant to execute a different request."
    )]
    KeyReused(String),
    #[error(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {0}."
    )]
    KeyInUse(String),
}

/// A card that was not charged.
#[derive(Clone, Debug)]
pub(super) struct Declined {
    pub(super) code: &'static str,
    pub(super) decline_code: Option<&'static str>,
    pub(super) message: &'static str,
    pub(super) charge: String,
    pub(super) payment_intent: Value,
}

impl StripeError {
    pub(super) fn invalid(
        code: &'static str,
        param: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            code,
            param: Some(param.into()),
            message: message.into(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoKey | Self::InvalidKey => StatusCode::UNAUTHORIZED,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::Card(_) => StatusCode::PAYMENT_REQUIRED,
            Self::KeyInUse(_) => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Stripe's error type, code and parameter.
    fn parts(&self) -> (&'static str, Option<&'static str>, Option<String>) {
        const REQUEST: &str = "invalid_request_error";
        match self {
            Self::NoKey | Self::InvalidKey => (REQUEST, None, None),
            Self::NotFound { param, .. } => {
                (REQUEST, Some("resource_missing"), Some((*param).to_owned()))
            }
            Self::Missing(param) => (
                REQUEST,
                Some("parameter_missing"),
                Some((*param).to_owned()),
            ),
            Self::Unknown(param) => (REQUEST, Some("parameter_unknown"), Some(param.clone())),
            Self::Invalid { code, param, .. } => (REQUEST, Some(code), param.clone()),
            Self::State { code, .. } => (REQUEST, Some(code), None),
            Self::Card(declined) => ("card_error", Some(declined.code), None),
            Self::KeyReused(_) => ("idempotency_error", None, None),
            Self::KeyInUse(_) => ("idempotency_error", Some("idempotency_key_in_use"), None),
        }
    }
}

impl IntoResponse for StripeError {
    fn into_response(self) -> Response {
        let status = self.status();
        let (kind, code, param) = self.parts();
        let mut error = Map::new();
        if let Some(code) = code {
            error.insert("code".into(), code.into());
            let page = format!(
                "https://stripe.com/docs/error-codes/{}",
                code.replace('_', "-")
            );
            error.insert("doc_url".into(), page.into());
        }
        error.insert("message".into(), self.to_string().into());
        if let Some(param) = param {
            error.insert("param".into(), param.into());
        }
        match self {
            Self::Card(declined) => {
                if let Some(code) = declined.decline_code {
                    error.insert("decline_code".into(), code.into());
                }
                error.insert("charge".into(), declined.charge.into());
                error.insert("payment_intent".into(), declined.payment_intent);
            }
            Self::State {
                payment_intent: Some(intent),
                ..
            } => {
                error.insert("payment_intent".into(), intent);
            }
            _ => {}
        }
        error.insert("type".into(), kind.into());
        (status, Json(json!({"error": error}))).into_response()
    }
}

pub(crate) fn failure(status: u16) -> Value {
    match status {
        404 => {
            json!({"error": {"message": "Unrecognized request URL.", "type": "invalid_request_error"}})
        }
        429 => json!({"error": {
            "code": "rate_limit",
            "message": "Request rate limit exceeded.",
            "type": "invalid_request_error",
        }}),
        _ => json!({"error": {"message": reason(status), "type": "api_error"}}),
    }
}
