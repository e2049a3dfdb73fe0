//! Why a request failed, in terms that can be counted.

use std::error::Error;
use std::io::ErrorKind;

use serde_json::Value;

/// Codes come from the server, which could be any.
const LONGEST_CODE: usize = 60;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The response has errors; the first one's code.
    #[error("error {0}")]
    Graphql(String),
    /// The payload has user errors; the first one's code.
    #[error("user error {0}")]
    User(String),
    #[error("HTTP status {0}")]
    Status(u16),
    #[error("timeout")]
    Timeout,
    /// The run was aborted before the answer.
    #[error("aborted")]
    Aborted,
    #[error("{0}")]
    Transport(&'static str),
    /// The server closed the WebSocket.
    #[error("closed with {0}")]
    Closed(u16),
    /// An answer without what an answer has.
    #[error("unexpected response: {0}")]
    Unexpected(&'static str),
}

impl Failure {
    /// The first of a response's errors.
    pub(super) fn of_errors(errors: &Value) -> Self {
        let code = errors.pointer("/0/extensions/code");
        Self::Graphql(code_of(code, "without a code"))
    }

    /// The user errors of a payload, if there are any.
    pub(super) fn of_user_errors(payload: &Value) -> Result<(), Self> {
        match payload["userErrors"].as_array() {
            None => Err(Self::Unexpected("no userErrors")),
            Some(errors) => match errors.first() {
                Some(error) => Err(Self::User(code_of(error.get("code"), "without a code"))),
                None => Ok(()),
            },
        }
    }

    pub(super) fn of_http(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        let fallback = if error.is_connect() {
            "no connection"
        } else if error.is_body() || error.is_decode() {
            "incomplete response"
        } else {
            "request failed"
        };
        Self::Transport(io_error(error).unwrap_or(fallback))
    }

    pub(super) fn of_socket(error: &tokio_tungstenite::tungstenite::Error) -> Self {
        use tokio_tungstenite::tungstenite::Error as Socket;
        match error {
            Socket::Http(response) => Self::Status(response.status().as_u16()),
            Socket::ConnectionClosed | Socket::AlreadyClosed => {
                Self::Transport("connection closed")
            }
            other => Self::Transport(io_error(other).unwrap_or("WebSocket failed")),
        }
    }
}

fn code_of(code: Option<&Value>, missing: &str) -> String {
    let code = code.and_then(Value::as_str).unwrap_or(missing);
    code.chars().take(LONGEST_CODE).collect()
}

/// What the operating system says in the chain of causes.
fn io_error(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            let kind = match error.kind() {
                ErrorKind::ConnectionRefused => Some("connection refused"),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Some("connection reset"),
                ErrorKind::ConnectionAborted => Some("connection aborted"),
                ErrorKind::AddrNotAvailable => Some("no free local port"),
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some("unreachable"),
                ErrorKind::UnexpectedEof => Some("connection closed"),
                ErrorKind::TimedOut => Some("connection timed out"),
                _ => None,
            };
            if kind.is_some() {
                return kind;
            }
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_counted_by_code_of_bounded_length() {
        let errors = json!([{ "message": "no", "extensions": { "code": "NOT_FOUND" } }]);
        assert_eq!(Failure::of_errors(&errors).to_string(), "error NOT_FOUND");
        let errors = json!([{ "message": "no" }]);
        assert_eq!(
            Failure::of_errors(&errors).to_string(),
            "error without a code"
        );
        let errors = json!([{ "extensions": { "code": "X".repeat(1_000) } }]);
        assert_eq!(
            Failure::of_errors(&errors).to_string().len(),
            "error ".len() + LONGEST_CODE
        );
    }

    #[test]
    fn a_payload_with_user_errors_is_a_failure() {
        assert_eq!(
            Failure::of_user_errors(&json!({ "userErrors": [] })),
            Ok(())
        );
        let payload = json!({ "userErrors": [{ "code": "TOTAL_CHANGED" }] });
        let failure = Failure::of_user_errors(&payload).unwrap_err();
        assert_eq!(failure.to_string(), "user error TOTAL_CHANGED");
        assert!(Failure::of_user_errors(&json!(null)).is_err());
    }

    #[test]
    fn the_cause_of_a_lost_connection_is_found() {
        let refused = std::io::Error::from(ErrorKind::ConnectionRefused);
        let wrapped = anyhow::Error::from(refused).context("cannot connect");
        assert_eq!(io_error(&*wrapped), Some("connection refused"));
    }
}
