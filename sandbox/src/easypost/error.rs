//! EasyPost's errors.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::provider::reason;

/// Why EasyPost rejects a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum EasyPostError {
    #[error("A valid API key is required to access this resource.")]
    Unauthorized,
    #[error("The requested resource could not be found.")]
    NotFound,
    #[error("Missing required parameter.")]
    Missing(&'static str),
    #[error("{message}")]
    Invalid { code: &'static str, message: String },
}

impl EasyPostError {
    pub(super) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            code,
            message: message.into(),
        }
    }
}

impl IntoResponse for EasyPostError {
    fn into_response(self) -> Response {
        let message = self.to_string();
        let (status, code, errors) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "APIKEY.INVALID", json!([])),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND", json!([])),
            Self::Missing(field) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "PARAMETER.REQUIRED",
                json!([{"field": field, "message": "cannot be blank"}]),
            ),
            Self::Invalid { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, code, json!([])),
        };
        let body = json!({"error": {"code": code, "message": message, "errors": errors}});
        (status, Json(body)).into_response()
    }
}

pub(crate) fn failure(status: u16) -> Value {
    let code = match status {
        404 => "NOT_FOUND",
        429 => "RATE_LIMITED",
        503 => "SERVICE_UNAVAILABLE",
        504 => "GATEWAY_TIMEOUT",
        _ => "INTERNAL_SERVER_ERROR",
    };
    json!({"error": {"code": code, "message": reason(status), "errors": []}})
}
