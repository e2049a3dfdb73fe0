//! Timeouts for optional uses of Redis: a request waits briefly for the answer, then goes on without it.

use std::fmt;
use std::time::Duration;

use redis::RedisError;
use tokio::time::timeout;

/// How long a request waits for Redis.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// Why a request goes on without Redis' answer.
#[derive(Debug)]
pub(crate) enum Skipped {
    Slow(Duration),
    Failed(RedisError),
}

impl Skipped {
    /// The metric label.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Slow(_) => "slow",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(patience) => write!(f, "no answer within {patience:?}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// The answer, if it arrives in time.
pub(crate) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, Skipped> {
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(Skipped::Failed),
        Err(_) => Err(Skipped::Slow(patience)),
    }
}
