//! Requests that the server rejects before they become operations, over any protocol.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use rand::RngExt;

use super::connections::CapacityError;
use crate::auth::AuthError;
use crate::charge::seconds;
use crate::clients::IdentityError;
use crate::error::{ErrorCode, GraphQLError};
use crate::response::GraphQLResponse;

/// Tells an HTTP/1.1 client to use another connection for its next request. HTTP/2 has no such header, and hyper omits
/// it.
const CLOSE: (HeaderName, HeaderValue) = (header::CONNECTION, HeaderValue::from_static("close"));

/// The longest `Retry-After` of an overloaded instance, in seconds.
const MAX_OVERLOAD_WAIT: u64 = 4;

/// A request rejected before it becomes an operation. Its status does not depend on the media type.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    code: ErrorCode,
    pub message: String,
    /// An additional header, such as `Retry-After`.
    pub header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadUserInput, message)
    }

    /// 400 for an array of requests.
    pub(super) fn batch() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::BatchingNotSupported,
            "batches are not accepted: send one request at a time",
        )
    }

    /// As an error in a response, for protocols without a status code. It says when to try again, if the headers do.
    pub(super) fn into_error(self) -> GraphQLError {
        let wait = self.retry_after();
        let mut error = GraphQLError::new(self.code, self.message);
        if let Some(wait) = wait {
            let other = &mut error.extensions.other;
            other.insert("retryAfter".to_owned(), wait.into());
        }
        error
    }

    /// The seconds in its `Retry-After`.
    fn retry_after(&self) -> Option<u64> {
        let (name, value) = self.header.as_ref()?;
        let value = value.to_str().ok()?;
        (*name == header::RETRY_AFTER).then(|| value.parse().ok())?
    }

    /// As a response, for protocols without a status code.
    pub(super) fn into_response(self) -> GraphQLResponse {
        GraphQLResponse::request_error(vec![self.into_error()])
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message)
    }

    pub(super) fn not_acceptable(message: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::BadUserInput, message)
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            "an internal error happened",
        )
    }

    /// 413. The rest of the body is not read, so the connection is closed.
    pub(super) fn too_large(limit: usize) -> Self {
        Self {
            header: Some(CLOSE),
            ..Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::BadUserInput,
                format!("the body is longer than {limit} bytes"),
            )
        }
    }

    /// 408. The body did not arrive, so the connection is closed.
    pub(super) fn body_timeout() -> Self {
        Self {
            header: Some(CLOSE),
            ..Self::new(
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::BadUserInput,
                "the body took too long to arrive",
            )
        }
    }

    /// 405. `allow` lists the allowed methods.
    pub(super) fn method(allow: &'static str, message: &str) -> Self {
        let mut refusal = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::BadUserInput,
            message,
        );
        refusal.header = Some((header::ALLOW, HeaderValue::from_static(allow)));
        refusal
    }

    /// 503. The client should retry after some seconds.
    pub(super) fn unavailable(message: &str) -> Self {
        let mut refusal = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::RateLimited,
            message,
        );
        refusal.header = Some((header::RETRY_AFTER, HeaderValue::from_static("5")));
        refusal
    }

    /// 503. Clients are not reading their responses.
    pub(super) fn unread() -> Self {
        Self::unavailable("too many responses are waiting to be read")
    }

    /// 503: more operations arrive than can run in time. The wait is drawn, so that clients do not return together.
    pub(super) fn overloaded() -> Self {
        let wait: u64 = rand::rng().random_range(1..=MAX_OVERLOAD_WAIT);
        Self {
            header: Some((header::RETRY_AFTER, wait.into())),
            ..Self::unavailable("too many operations are running: try again later")
        }
    }

    /// 429: the address exceeds the rate of WebSocket upgrades.
    pub(super) fn too_many_upgrades(wait: Duration) -> Self {
        let wait = seconds(wait);
        let message = format!("this address opens WebSockets too fast: try again in {wait} s");
        Self {
            header: Some((header::RETRY_AFTER, wait.into())),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::RateLimited,
                message,
            )
        }
    }

    /// 503 if the instance is full, 429 if the client's address has reached its limit.
    pub(super) fn at_capacity(reason: CapacityError, what: &str) -> Self {
        match reason {
            CapacityError::Full => Self::unavailable(&format!(
                "this instance cannot open more {what} at the moment"
            )),
            CapacityError::Address => Self {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..Self::unavailable(&format!("too many {what} are open from this address"))
            },
        }
    }
}

impl From<IdentityError> for Refusal {
    fn from(error: IdentityError) -> Self {
        tracing::debug!(%error, "client refused");
        let code = error.code();
        let unauthenticated = code == ErrorCode::Unauthenticated;
        Self {
            status: if unauthenticated {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::FORBIDDEN
            },
            code,
            message: error.to_string(),
            header: unauthenticated
                .then_some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        tracing::debug!(%error, "credentials refused");
        let unauthenticated = error.code() == ErrorCode::Unauthenticated;
        Self {
            status: if unauthenticated {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            },
            code: error.code(),
            message: error.to_string(),
            header: unauthenticated.then_some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer error=\"invalid_token\""),
            )),
        }
    }
}
