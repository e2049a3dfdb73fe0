//! Connections to Redis. They are made at the first use and again after a failure, so that a process starts and runs
//! without the server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, ServerErrorKind, Value};
use tokio::time::timeout;

use crate::redis_server::RedisServer;

/// How long connecting, and each answer, may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

/// How long a request waits for an answer that it can do without.
const PATIENCE: Duration = Duration::from_millis(20);

/// A connection that is made at the first use, and again after a failure, then to whichever server is the master. Clones
/// share it.
#[derive(Clone)]
pub(crate) struct Connection {
    server: RedisServer,
    config: ConnectionManagerConfig,
    current: Arc<ArcSwapOption<Current>>,
}

/// The connection to one server.
struct Current {
    client: Arc<Client>,
    manager: ConnectionManager,
}

impl Connection {
    /// A connection whose answers may take this long.
    pub(crate) fn lazy(server: &RedisServer, answer_timeout: Duration) -> Self {
        Self::with_retries(server, answer_timeout, 1)
    }

    fn with_retries(server: &RedisServer, answer_timeout: Duration, retries: usize) -> Self {
        Self {
            server: server.clone(),
            config: ConnectionManagerConfig::new()
                .set_connection_timeout(Some(TIMEOUT))
                .set_response_timeout(Some(answer_timeout))
                .set_number_of_retries(retries),
            current: Arc::default(),
        }
    }

    async fn current(&self) -> Result<Arc<Current>, RedisError> {
        let client = self.server.client().await?;
        if let Some(current) = &*self.current.load()
            && Arc::ptr_eq(&current.client, &client)
        {
            return Ok(current.clone());
        }
        let config = self.config.clone();
        let manager = ConnectionManager::new_lazy_with_config((*client).clone(), config)?;
        let current = Arc::new(Current { client, manager });
        self.current.store(Some(current.clone()));
        Ok(current)
    }

    /// Asks `question` of the server. If it fails as a server does that is gone or no longer the master, the next
    /// question goes to the one that is.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let current = self.current().await?;
        let answer = question(&mut current.manager.clone()).await;
        if answer.as_ref().is_err_and(is_lost) {
            self.server.failed(&current.client);
        }
        answer
    }
}

fn is_lost(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_timeout()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.kind() == ErrorKind::Server(ServerErrorKind::MasterDown)
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.ask(async move |server| server.req_packed_command(command).await))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(
            self.ask(async move |server| server.req_packed_commands(pipeline, offset, count).await),
        )
    }

    fn get_db(&self) -> i64 {
        self.current
            .load()
            .as_ref()
            .map_or(0, |current| current.manager.get_db())
    }
}

/// For optional uses of Redis: a request waits briefly for the answer, then goes on without it.
#[derive(Clone)]
pub(crate) struct PromptRedis {
    server: Connection,
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
    /// `retries` are those of connecting, in the background.
    pub(crate) fn new(server: &RedisServer, retries: usize) -> Self {
        Self {
            server: Connection::with_retries(server, TIMEOUT, retries),
            patience: PATIENCE,
        }
    }

    /// Waits this long for each answer, instead of 20 ms.
    pub(crate) fn with_timeout(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The answer to the question that is put to the server, if it arrives in time.
    pub(crate) async fn query<T>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> Result<T, RedisError>,
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
