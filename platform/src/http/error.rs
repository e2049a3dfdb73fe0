//! What can go wrong with a call, in the classes that decide what a caller does next.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::redact::redact;

/// Why a call brought no answer that can be used. Names the provider and the operation, and shows nothing
/// that was sent.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The provider understood and refused: repeating the same call brings the same answer.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// No answer now, later perhaps: an outage, a limit, or a circuit that is open.
    #[error("{call} is not available now: {why}")]
    Unavailable {
        call: Call,
        why: UnavailableReason,
        /// The provider's Retry-After, or the time until an open circuit is probed.
        retry_in: Option<Duration>,
        in_doubt: bool,
    },
    /// No answer in time. What was asked for may have happened, or may still.
    #[error("{call} did not answer in time")]
    TimedOut { call: Call, in_doubt: bool },
    /// An answer that is not what the provider promises.
    #[error("{call} answered what cannot be read: {what}")]
    Malformed {
        call: Call,
        what: String,
        in_doubt: bool,
    },
    /// The request could not be made of what it was given; nothing was sent.
    #[error("{call} cannot be asked: {what}")]
    Unsendable { call: Call, what: String },
}

/// Which operation of which provider.
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
    #[error("the calls before it take all of the allowed rate until the deadline")]
    Queue,
    #[error("it failed too often just now")]
    CircuitOpen,
}

/// An answer that refuses.
pub struct Rejection {
    pub call: Call,
    pub status: u16,
    /// An earlier attempt of the same call may have had its effect.
    pub in_doubt: bool,
    body: Bytes,
}

impl HttpError {
    /// Whether the provider may have done what was asked for: settle it by asking, or by the same call with
    /// the same idempotency key, before taking it for undone. Never true of calls that only read.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Rejected(rejection) => rejection.in_doubt,
            Self::Unavailable { in_doubt, .. }
            | Self::TimedOut { in_doubt, .. }
            | Self::Malformed { in_doubt, .. } => *in_doubt,
            Self::Unsendable { .. } => false,
        }
    }

    /// The provider was left alone: nothing was sent.
    pub fn is_circuit_open(&self) -> bool {
        matches!(
            self,
            Self::Unavailable {
                why: UnavailableReason::CircuitOpen,
                ..
            }
        )
    }

    /// The provider does not answer now. It may as soon as its outage is over.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TimedOut { .. })
    }

    /// The refusal, for callers that know the provider's codes.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The same error of a call of which an earlier attempt may have had its effect.
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

    /// The class, for metrics.
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

    /// The provider's own error, if the body is one.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The beginning of the body, without what may be private.
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

/// Shows as much of the body as [`fmt::Display`] does.
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

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.provider, self.operation)
    }
}
