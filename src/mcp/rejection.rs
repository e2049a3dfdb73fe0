//! Requests that are rejected before or instead of what they ask for: a status, and an error of JSON-RPC with a code of the
//! graph.

use std::collections::BTreeSet;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rmcp::model::{ErrorData, JsonRpcError};
use router::ErrorCode;
use router::server::Refusal;
use serde_json::json;
use url::Url;

/// A rejected request.
#[derive(Debug)]
pub(super) struct Rejection {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
    /// Whether the body is not even JSON.
    is_not_json: bool,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status,
            code: refusal.code(),
            message: refusal.message,
            header: refusal.header,
            is_not_json: false,
        }
    }
}

impl Rejection {
    fn new(status: StatusCode, code: ErrorCode, message: String) -> Self {
        Self {
            status,
            code,
            message,
            header: None,
            is_not_json: false,
        }
    }

    /// The request does not follow the protocol.
    pub(super) fn protocol(status: StatusCode, message: &str) -> Self {
        Self::new(status, ErrorCode::BadUserInput, message.to_owned())
    }

    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self {
            is_not_json: true,
            ..Self::protocol(
                StatusCode::BAD_REQUEST,
                &format!("the body is not JSON: {error}"),
            )
        }
    }

    /// The body is JSON, and no message of the protocol. Batches are not, either.
    pub(super) fn no_message() -> Self {
        let message = "the body is not a message of JSON-RPC 2.0 that the protocol has";
        Self::protocol(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn internal() -> Self {
        let message = "an internal error happened".to_owned();
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            message,
        )
    }

    /// Nobody knows whose tools are meant.
    pub(super) fn no_client() -> Self {
        let message = "send the key of a client that offers tools in X-API-Key, or a token";
        Self {
            header: challenge("Bearer"),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                ErrorCode::Unauthenticated,
                message.to_owned(),
            )
        }
    }

    /// The client is known, and has no tools.
    pub(super) fn no_tools(client: Option<&str>) -> Self {
        let message = match client {
            Some(name) => {
                format!("the client `{name}` offers no tools: set `tools` in the clients file")
            }
            None => "the token belongs to no client that offers tools".to_owned(),
        };
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message)
    }

    /// The tool has nothing for this caller: somebody has to sign in, or to consent to more scopes.
    pub(super) fn denied(code: ErrorCode, tool: &str, scopes: &BTreeSet<&str>) -> Self {
        let scopes: Vec<_> = scopes.iter().copied().collect();
        let scopes = scopes.join(" ");
        let is_unknown = code == ErrorCode::Unauthenticated;
        let (status, message, header) = match (is_unknown, scopes.is_empty()) {
            (true, true) => (
                StatusCode::UNAUTHORIZED,
                "sign in to use",
                challenge("Bearer"),
            ),
            (true, false) => {
                let challenge = challenge(&format!("Bearer scope=\"{scopes}\""));
                (StatusCode::UNAUTHORIZED, "sign in to use", challenge)
            }
            // No token would help.
            (false, true) => (StatusCode::FORBIDDEN, "the caller may not use", None),
            (false, false) => {
                let error = "Bearer error=\"insufficient_scope\"";
                let challenge = challenge(&format!("{error}, scope=\"{scopes}\""));
                (
                    StatusCode::FORBIDDEN,
                    "the token's scopes do not allow",
                    challenge,
                )
            }
        };
        Self {
            header,
            ..Self::new(status, code, format!("{message} the tool `{tool}`"))
        }
    }

    pub(super) fn code(&self) -> ErrorCode {
        self.code
    }

    /// As an error of the protocol.
    pub(super) fn error(&self) -> ErrorData {
        let data = Some(json!({ "code": self.code.as_str() }));
        if self.status.is_server_error() {
            return ErrorData::internal_error(self.message.clone(), data);
        }
        if self.is_not_json {
            return ErrorData::parse_error(self.message.clone(), data);
        }
        ErrorData::invalid_request(self.message.clone(), data)
    }

    /// The response to a request that has not been read.
    pub(super) fn into_response(self, metadata: &Url) -> Response {
        let body = JsonRpcError::new(None, self.error());
        let mut response = axum::Json(body).into_response();
        self.apply(&mut response, metadata);
        response
    }

    /// Sets the status and the headers. A challenge also says where the resource's metadata is.
    pub(super) fn apply(self, response: &mut Response, metadata: &Url) {
        *response.status_mut() = self.status;
        let Some((name, value)) = self.header else {
            return;
        };
        let value = match value.to_str() {
            Ok(text) if name == header::WWW_AUTHENTICATE => {
                let separator = if text.contains('=') { "," } else { "" };
                let text = format!("{text}{separator} resource_metadata=\"{metadata}\"");
                HeaderValue::from_str(&text).unwrap_or(value)
            }
            _ => value,
        };
        response.headers_mut().insert(name, value);
    }
}

/// Scopes with characters that no header has cannot be asked for.
fn challenge(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let value = HeaderValue::from_str(text).ok()?;
    Some((header::WWW_AUTHENTICATE, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_what_would_help() {
        let check = |code: ErrorCode, scopes: &[&str], status: u16, expected: &str| {
            let rejection = Rejection::denied(code, "T", &scopes.iter().copied().collect());
            let metadata = "https://shop.example.com/m".parse().unwrap();
            let response = rejection.into_response(&metadata);
            let header = response.headers().get(header::WWW_AUTHENTICATE);
            let header = header.map_or("", |value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), header), (status, expected));
        };
        let unknown = ErrorCode::Unauthenticated;
        let metadata = "resource_metadata=\"https://shop.example.com/m\"";
        check(unknown, &[], 401, &format!("Bearer {metadata}"));
        let both = format!("Bearer scope=\"a b\", {metadata}");
        check(unknown, &["b", "a"], 401, &both);
        let missing = format!("Bearer error=\"insufficient_scope\", scope=\"a\", {metadata}");
        check(ErrorCode::Forbidden, &["a"], 403, &missing);
        check(ErrorCode::Forbidden, &[], 403, "");
    }
}
