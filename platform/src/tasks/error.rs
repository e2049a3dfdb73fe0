//! Why a task must be retried, or can never succeed.

use std::time::Duration;

use sea_orm::DbErr;

use crate::http::{HttpError, UnavailableReason};
use crate::retry::describe;

/// Why a task failed. The text goes to the log and the task's row.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("{0}")]
    Failed(String),
    /// A third party is unavailable and will recover without our help.
    #[error("{reason}")]
    Outage {
        reason: String,
        /// The wait it requested, if any.
        retry_in: Option<Duration>,
    },
    /// A third party was not called, because its circuit breaker is open. Does not count as a failure.
    #[error("{reason}")]
    Suspended { reason: String, retry_in: Duration },
    /// It can never succeed and is given up at once.
    #[error("{0}")]
    Permanent(String),
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl TaskError {
    /// Wraps a domain's own error.
    pub fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Failed(describe(error))
    }

    /// Wraps an error caused by a call to a third party, and recognizes outages.
    pub fn of_call(error: &(dyn std::error::Error + 'static), call: &HttpError) -> Self {
        let reason = describe(error);
        match call {
            HttpError::Unavailable {
                why: UnavailableReason::CircuitOpen,
                retry_in,
                ..
            } => Self::Suspended {
                reason,
                retry_in: retry_in.unwrap_or_default(),
            },
            HttpError::Unavailable { retry_in, .. } if call.is_outage() => Self::Outage {
                reason,
                retry_in: *retry_in,
            },
            _ if call.is_outage() => Self::Outage {
                reason,
                retry_in: None,
            },
            _ => Self::Failed(reason),
        }
    }
}
