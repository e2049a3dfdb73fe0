//! Connections that read. sqlx asks a connection for a sign of life whenever it goes back to its pool: for SQLite two
//! more changes of thread after each statement. Those that ended their statement are kept out of the pool instead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::sqlite::SqliteConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Sqlite, SqlitePool};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{AcquireError, Semaphore};

use super::meter::Meter;

/// For queries outside a transaction. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Readers {
    Sqlite(SqliteReaders),
    Postgres(DatabaseConnection),
}

/// The readers of a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteReaders {
    idle: Arc<Idle>,
    meter: Meter,
}

#[derive(Debug)]
struct Idle {
    pool: SqlitePool,
    /// As many as the pool may open: who has a permit finds a connection here, or gets one from the pool.
    permits: Semaphore,
    /// The last one used is taken first: what it read last is in its cache.
    connections: Mutex<Vec<PoolConnection<Sqlite>>>,
}

impl Readers {
    /// Closes the connections. Who asks from now on is refused.
    pub async fn close(&self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(SqliteReaders { idle, .. }) => {
                idle.permits.close();
                idle.connections().clear();
                idle.pool.close().await;
                Ok(())
            }
            Self::Postgres(pool) => pool.clone().close().await,
        }
    }
}

impl SqliteReaders {
    pub(super) fn new(pool: &SqlitePool, meter: Meter) -> Self {
        let connections = pool.options().get_max_connections();
        Self {
            idle: Arc::new(Idle {
                pool: pool.clone(),
                permits: Semaphore::new(connections as usize),
                connections: Mutex::default(),
            }),
            meter,
        }
    }

    /// The same connections; what runs on them is counted apart.
    pub(super) fn metered(&self, meter: Meter) -> Self {
        let idle = self.idle.clone();
        Self { idle, meter }
    }

    /// Runs a statement. A connection whose statement fails or is cut off goes back to the pool, which sees to it.
    async fn run<T>(
        &self,
        statement: &Statement,
        work: impl for<'c> FnOnce(
            &'c mut SqliteConnection,
            Query<'c, Sqlite, SqlxValues>,
        ) -> BoxFuture<'c, Result<T, sqlx::Error>>,
    ) -> Result<T, DbErr> {
        let _permit = self.idle.permits.acquire().await.map_err(closed)?;
        let idle = self.idle.connections().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.idle.pool.acquire().await.map_err(unavailable)?,
        };
        let values = statement.values.clone().unwrap_or(Values(Vec::new()));
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values));
        let started = Instant::now();
        let answer = work(&mut connection, query).await;
        self.meter
            .record(&statement.sql, started.elapsed(), answer.is_err());
        if answer.is_ok() {
            self.idle.keep(connection);
        }
        answer.map_err(failed)
    }
}

impl Idle {
    fn keep(&self, connection: PoolConnection<Sqlite>) {
        let mut connections = self.connections();
        // One that is kept after the others were given back would keep the pool from closing.
        if !self.permits.is_closed() {
            connections.push(connection);
        }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<PoolConnection<Sqlite>>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ConnectionTrait for SqliteReaders {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(&statement, |connection, query| {
            query.execute(connection).boxed()
        })
        .await
        .map(ExecResult::from)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        self.execute_raw(statement).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let row = self
            .run(&statement, |connection, query| {
                query.fetch_optional(connection).boxed()
            })
            .await?;
        Ok(row.map(QueryResult::from))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = self
            .run(&statement, |connection, query| {
                query.fetch_all(connection).boxed()
            })
            .await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

#[async_trait]
impl ConnectionTrait for Readers {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(readers) => readers.get_database_backend(),
            Self::Postgres(pool) => pool.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(readers) => readers.execute_raw(statement).await,
            Self::Postgres(pool) => pool.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(readers) => readers.execute_unprepared(sql).await,
            Self::Postgres(pool) => pool.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(readers) => readers.query_one_raw(statement).await,
            Self::Postgres(pool) => pool.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(readers) => readers.query_all_raw(statement).await,
            Self::Postgres(pool) => pool.query_all_raw(statement).await,
        }
    }
}

fn closed(_: AcquireError) -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
}

fn unavailable(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}
