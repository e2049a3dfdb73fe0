//! Why a task has to be performed again, or never will succeed.

use std::time::Duration;

use sea_orm::DbErr;

use crate::http::{HttpError, UnavailableReason};
use crate::retry::describe;

/// Why a task did not succeed. The text is for the log and the task's row.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("{0}")]
    Failed(String),
    /// A third party does not answer now, and will again without anybody's help.
    #[error("{reason}")]
    Outage {
        reason: String,
        /// When it wants to be called again, if it said so.
        retry_in: Option<Duration>,
    },
    /// A third party was not even called, because it did not answer others just now. It counts as no failure.
    #[error("{reason}")]
    Suspended { reason: String, retry_in: Duration },
    /// It can never succeed: it is given up at once.
    #[error("{0}")]
    Permanent(String),
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl TaskError {
    /// An error of the domain's own.
    pub fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Failed(describe(error))
    }

    /// An error that comes from a third party's: its outages are told apart.
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
