//! A connection pool. A connection returns only through [`Lease::release`], called by code that knows nothing is open
//! on it; a dropped lease closes its connection. So no transaction outlives its owner, whatever went wrong.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sea_orm::sqlx;
use sea_orm::{ConnAcquireErr, DbBackend, DbErr, RuntimeErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::{Connection, Connector, Request, is_disconnected, is_read_only};

/// A network connection idle for this long is pinged before it is used.
const PING_AFTER: Duration = Duration::from_secs(10);
/// A connection idle for this long is closed.
const IDLE: Duration = Duration::from_secs(600);
/// A connection of this age is replaced: server processes grow with what they cache.
const LIFETIME: Duration = Duration::from_secs(1800);
/// Wait between attempts to connect to an unreachable server.
const RECONNECT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    /// One permit per possible connection.
    permits: Arc<Semaphore>,
    /// The most recently used is on top: its cache is warm.
    idle: Mutex<Vec<Idle>>,
    /// Held while a connection to SQLite is opened.
    opening: tokio::sync::Mutex<()>,
    /// How long to wait for a connection.
    patience: Duration,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    opened: Instant,
    since: Instant,
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    opened: Instant,
    /// Whether it was used before.
    is_reused: bool,
    /// Whether it can no longer be used, though it is connected.
    is_stale: bool,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    pub(super) fn new(connector: Connector, connections: u32, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            connector,
            permits: Arc::new(Semaphore::new(connections as usize)),
            idle: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            patience,
        })
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.connector.backend()
    }

    /// An idle or a new connection. Keeps trying an unreachable server until `patience` is over.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lease, DbErr> {
        let deadline = Instant::now() + self.patience;
        let permit = tokio::time::timeout_at(deadline, self.permits.clone().acquire_owned())
            .await
            .map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?
            .map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))?;
        while let Some(mut idle) = self.pop() {
            if self.is_usable(&mut idle).await {
                return Ok(self.lease(idle.connection, idle.opened, true, permit));
            }
            idle.connection.close().await;
        }
        // SQLite's are opened one by one, since opening one takes longer than most statements: so there are as many as are
        // needed, and not as many as there were statements at the start. Each is a thread, and reads the schema.
        let opening = match self.backend() {
            DbBackend::Sqlite => {
                let lock = tokio::time::timeout_at(deadline, self.opening.lock()).await;
                Some(lock.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?)
            }
            _ => None,
        };
        if opening.is_some()
            && let Some(idle) = self.pop()
        {
            return Ok(self.lease(idle.connection, idle.opened, true, permit));
        }
        let connection = self.connect(deadline).await.map_err(unavailable)?;
        Ok(self.lease(connection, Instant::now(), false, permit))
    }

    fn lease(
        self: &Arc<Self>,
        connection: Connection,
        opened: Instant,
        is_reused: bool,
        permit: OwnedSemaphorePermit,
    ) -> Lease {
        Lease {
            pool: self.clone(),
            connection: Some(connection),
            opened,
            is_reused,
            is_stale: false,
            permit: Some(permit),
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, sqlx::Error> {
        let mut last = sqlx::Error::PoolTimedOut;
        loop {
            match tokio::time::timeout_at(deadline, self.connector.connect()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) if is_disconnected(&error) => last = error,
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(last),
            }
            if Instant::now() + RECONNECT > deadline {
                return Err(last);
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn is_usable(&self, idle: &mut Idle) -> bool {
        if self.backend() == DbBackend::Sqlite {
            return true;
        }
        if idle.opened.elapsed() > LIFETIME || idle.since.elapsed() > IDLE {
            return false;
        }
        if idle.since.elapsed() < PING_AFTER {
            return true;
        }
        let pinged = tokio::time::timeout(self.patience, idle.connection.ping()).await;
        matches!(pinged, Ok(Ok(())))
    }

    fn pop(&self) -> Option<Idle> {
        self.idle().pop()
    }

    /// Drops the idle connections: one was found dead, and the cause probably affected them all.
    fn forget_idle(&self) {
        self.idle().clear();
    }

    /// Closes the idle connections and rejects all further requests.
    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for idle in idle {
            idle.connection.close().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock()
    }
}

impl Lease {
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Closes the connection while it is in use.
    #[cfg(any(test, feature = "testing"))]
    pub(super) async fn kill(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    /// Runs a request on the connection.
    pub(super) async fn send<R: Request>(&mut self, request: &R) -> Result<R::Answer, sqlx::Error> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(sqlx::Error::PoolClosed);
        };
        let answer = request.send(connection).await;
        self.check(answer.as_ref().err());
        answer
    }

    /// Runs a BEGIN, COMMIT or ROLLBACK.
    pub(super) async fn control(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(sqlx::Error::PoolClosed);
        };
        let done = connection.run(sql).await;
        self.check(done.as_ref().err());
        done
    }

    /// What makes this connection useless has probably affected the idle ones, too.
    fn check(&mut self, error: Option<&sqlx::Error>) {
        let is_stale = error.is_some_and(is_read_only);
        self.is_stale |= is_stale;
        if is_stale || error.is_some_and(is_disconnected) {
            self.pool.forget_idle();
        }
    }

    /// Whether the failed operation never started, so that another connection may try it.
    pub(super) fn is_retryable(&self, error: &sqlx::Error) -> bool {
        self.is_reused && is_disconnected(error)
    }

    /// Returns the connection to the pool. Nothing may be open on it.
    pub(super) fn release(mut self) {
        if let Some(connection) = self.connection.take() {
            let mut idle = self.pool.idle();
            // A connection returned after the pool was closed would stay open.
            if !self.is_stale && !self.pool.permits.is_closed() {
                idle.push(Idle {
                    connection,
                    opened: self.opened,
                    since: Instant::now(),
                });
            }
        }
    }
}

impl Drop for Lease {
    /// Closes the connection and stops its running statement. The next writer waits until it is closed and anything
    /// open on it is undone.
    fn drop(&mut self) {
        let (connection, permit) = (self.connection.take(), self.permit.take());
        if let Some(connection) = &connection {
            connection.stop();
        }
        if let (Some(connection), Ok(runtime)) = (connection, tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move {
                connection.close().await;
                drop(permit);
            });
        }
    }
}

fn unavailable(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}
