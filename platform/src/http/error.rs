//! Call failures, classified by what the caller should do next.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::redact::redact;
use crate::json;

/// Why a call returned no usable answer. Names the provider and the operation, and never shows request data.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The provider refused; repeating the call gives the same answer.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// Temporary: an outage, a rate limit or an open circuit.
    #[error("{call} is not available: {why}")]
    Unavailable {
        call: Call,
        why: UnavailableReason,
        /// The provider's Retry-After, or the time until an open circuit is probed.
        retry_in: Option<Duration>,
        in_doubt: bool,
    },
    /// No answer in time. The effect may have happened, or may still happen.
    #[error("{call} did not answer in time")]
    TimedOut { call: Call, in_doubt: bool },
    /// The response is not what the provider documents.
    #[error("{call} returned an invalid response: {what}")]
    Malformed {
        call: Call,
        what: String,
        in_doubt: bool,
    },
    /// The request could not be built; nothing was sent.
    #[error("{call} could not be sent: {what}")]
    Unsendable { call: Call, what: String },
}

/// The provider and the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub provider: &'static str,
    pub operation: &'static str,
}

/// Why a provider is not available.
#[derive(Debug, thiserror::Error)]
pub enum UnavailableReason {
    #[error("it could not be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    #[error("it answered {0}")]
    Status(u16),
    #[error("the rate limit allows no more calls before the deadline")]
    Queue,
    #[error("it failed too often recently")]
    CircuitOpen,
}

/// A response that refuses the request.
pub struct Rejection {
    pub call: Call,
    pub status: u16,
    /// An earlier attempt of the same call may have had its effect.
    pub in_doubt: bool,
    body: Bytes,
}

impl HttpError {
    /// Whether the provider may have done what was requested. Find out by reading, or by repeating the call with the
    /// same idempotency key, before treating it as not done. Never true for calls that only read.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Rejected(rejection) => rejection.in_doubt,
            Self::Unavailable { in_doubt, .. }
            | Self::TimedOut { in_doubt, .. }
            | Self::Malformed { in_doubt, .. } => *in_doubt,
            Self::Unsendable { .. } => false,
        }
    }

    /// The circuit was open: nothing was sent.
    pub fn is_circuit_open(&self) -> bool {
        matches!(
            self,
            Self::Unavailable {
                why: UnavailableReason::CircuitOpen,
                ..
            }
        )
    }

    /// The provider is temporarily not answering.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TimedOut { .. })
    }

    /// The refusal, for callers that know the provider's error codes.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The same error, marked in doubt if an earlier attempt of the call may have had its effect.
    pub(super) fn after_doubt(mut self, doubt: bool) -> Self {
        match &mut self {
            Self::Rejected(rejection) => rejection.in_doubt |= doubt,
            Self::Unavailable { in_doubt, .. }
            | Self::TimedOut { in_doubt, .. }
            | Self::Malformed { in_doubt, .. } => *in_doubt |= doubt,
            Self::Unsendable { .. } => {}
        }
        self
    }

    /// The class, as metrics name it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Rejected(_) => "rejected",
            Self::Unavailable { .. } => "unavailable",
            Self::TimedOut { .. } => "timed_out",
            Self::Malformed { .. } => "malformed",
            Self::Unsendable { .. } => "unsendable",
        }
    }
}

impl Rejection {
    pub(super) fn new(call: Call, status: u16, body: Bytes) -> Self {
        Self {
            call,
            status,
            in_doubt: false,
            body,
        }
    }

    /// The provider's own error, if the body has one.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        json::from_slice(&self.body).ok()
    }

    /// The body, for callers whose provider writes errors in another format.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The beginning of the body, redacted.
    pub fn excerpt(&self) -> String {
        redact(&String::from_utf8_lossy(&self.body))
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, status, .. } = self;
        write!(f, "{call} refused with {status}: {}", self.excerpt())
    }
}

/// Shows no more of the body than [`fmt::Display`].
impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("call", &self.call)
            .field("status", &self.status)
            .field("in_doubt", &self.in_doubt)
            .field("excerpt", &self.excerpt())
            .finish()
    }
}

impl std::error::Error for Rejection {}

impl Call {
    /// Logs that it failed.
    pub(super) fn log(self, error: &HttpError) {
        tracing::warn!(
            provider = self.provider,
            operation = self.operation,
            in_doubt = error.outcome_unknown(),
            %error,
            "provider call failed"
        );
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.provider, self.operation)
    }
}
