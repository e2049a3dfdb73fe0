//! Connections to Redis. They are made at the first use and again after a failure, so that a process starts and runs
//! without the server.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};
use tokio::time::timeout;

/// How long connecting, and each answer, may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

/// How long a request waits for an answer that it can do without.
const PATIENCE: Duration = Duration::from_millis(20);

/// A connection whose answers may take this long. Only an invalid address is an error.
pub(crate) fn lazy(
    client: Client,
    answer_timeout: Duration,
) -> Result<ConnectionManager, RedisError> {
    connect(client, answer_timeout, 1)
}

fn connect(
    client: Client,
    answer_timeout: Duration,
    retries: usize,
) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(answer_timeout))
        .set_number_of_retries(retries);
    ConnectionManager::new_lazy_with_config(client, config)
}

/// For optional uses of Redis: a request waits briefly for the answer, then goes on without it.
#[derive(Clone)]
pub(crate) struct PromptRedis {
    server: ConnectionManager,
    patience: Duration,
}

/// Why a request goes on without Redis' answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Skipped {
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error(transparent)]
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

impl PromptRedis {
    /// Only an invalid address is an error. `retries` are those of connecting, in the background.
    pub(crate) fn new(url: &str, retries: usize) -> Result<Self, RedisError> {
        Ok(Self {
            server: connect(Client::open(url)?, TIMEOUT, retries)?,
            patience: PATIENCE,
        })
    }

    /// Waits this long for each answer, instead of 20 ms.
    pub(crate) fn with_timeout(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The answer to the question that is put to the server, if it arrives in time.
    pub(crate) async fn query<T>(
        &self,
        question: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>,
    ) -> Result<T, Skipped> {
        let mut server = self.server.clone();
        match timeout(self.patience, question(&mut server)).await {
            Ok(answer) => answer.map_err(Skipped::Failed),
            Err(_) => Err(Skipped::Slow(self.patience)),
        }
    }
}

impl fmt::Debug for PromptRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptRedis").finish_non_exhaustive()
    }
}
