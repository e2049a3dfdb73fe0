//! One connection, to either database, and the statements it runs. Code above this layer does not know which database
//! it uses, and bypasses sqlx's pool, which pings a connection after each use.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection as _, Executor};
use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;

/// How long a connection may take to close cleanly.
const GOODBYE: Duration = Duration::from_secs(5);
/// SQLite instructions between two checks whether anybody still waits for the statement: some 100 µs.
const INSTRUCTIONS: i32 = 10_000;

/// PostgreSQL settings under which a running statement can be stopped. Servers that do not know one ignore it.
const SETTINGS: [(&str, &str); 2] = [
    // How often the server checks that the statement's client is still connected. Without it, the server only notices
    // when it sends rows.
    ("client_connection_check_interval", "20ms"),
    // JIT compilation cannot be interrupted and takes hundreds of milliseconds, longer than any statement of ours runs.
    ("jit", "off"),
];

/// How to open a connection.
#[derive(Clone, Debug)]
pub(super) enum Connector {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres {
        options: Box<PgConnectOptions>,
        /// The schema of unqualified names.
        schema: String,
    },
}

/// An open connection.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(Box<SqliteConnection>, Stop),
    Postgres(Box<PgConnection>),
}

/// Interrupts the running statement of a SQLite connection, which would otherwise run to its end even when nobody
/// waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    async fn watch(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let Self(stopped) = self.clone();
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(INSTRUCTIONS, move || !stopped.load(Ordering::Relaxed));
        Ok(())
    }
}

impl Connector {
    pub(super) fn backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(_) => DbBackend::Sqlite,
            Self::Postgres { .. } => DbBackend::Postgres,
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Self::Sqlite(options) => {
                let mut connection = options.connect().await?;
                let stop = Stop::default();
                stop.watch(&mut connection).await?;
                Ok(Connection::Sqlite(Box::new(connection), stop))
            }
            Self::Postgres { options, schema } => {
                let mut connection = options.connect().await?;
                // Not startup parameters: poolers reject those they do not know.
                let known = SETTINGS.map(|(name, value)| {
                    format!(
                        "; SELECT set_config('{name}', '{value}', false) \
                         WHERE current_setting('{name}', true) IS NOT NULL"
                    )
                });
                let settings = format!("SET search_path = \"{schema}\"{}", known.concat());
                connection.execute(AssertSqlSafe(settings)).await?;
                Ok(Connection::Postgres(Box::new(connection)))
            }
        }
    }
}

impl Connection {
    /// Runs a statement without parameters or results.
    pub(super) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection, _) => connection.execute(sql).await.map(drop),
            Self::Postgres(connection) => connection.execute(sql).await.map(drop),
        }
    }

    /// Interrupts the running statement, if any. The connection can only be closed afterwards. A PostgreSQL server
    /// stops a statement when its connection closes.
    pub(super) fn stop(&self) {
        if let Self::Sqlite(_, stop) = self {
            stop.stop();
        }
    }

    pub(super) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection, _) => connection.ping().await,
            Self::Postgres(connection) => connection.ping().await,
        }
    }

    /// Closes the connection, which rolls back any open transaction.
    pub(super) async fn close(self) {
        let closed = async {
            match self {
                Self::Sqlite(connection, _) => connection.close().await,
                Self::Postgres(connection) => connection.close().await,
            }
        };
        match tokio::time::timeout(GOODBYE, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "a database connection was not closed cleanly")
            }
            Err(_) => tracing::warn!("a database connection did not close within {GOODBYE:?}"),
        }
    }
}

/// Something that runs on a connection.
pub(super) trait Request: Send + Sync {
    type Answer: Send;

    fn sql(&self) -> &str;

    /// The statement, unless it is sent as text without parameters.
    #[cfg(any(test, feature = "testing"))]
    fn statement(&self) -> Option<&Statement>;

    fn send(
        &self,
        connection: &mut Connection,
    ) -> impl Future<Output = Result<Self::Answer, sqlx::Error>> + Send;

    /// Whether it is known to only read.
    fn is_read_only(&self) -> bool {
        let verb = self.sql().trim_start().get(..6);
        verb.is_some_and(|verb| verb.eq_ignore_ascii_case("SELECT"))
    }
}

/// A statement whose rows are not needed.
pub(super) struct Execute(pub(super) Statement);
/// A statement that returns its first row, if any.
pub(super) struct FetchOptional(pub(super) Statement);
/// A statement that returns all rows.
pub(super) struct FetchAll(pub(super) Statement);
/// One or more statements without parameters, separated by semicolons.
pub(super) struct Unprepared<'a>(pub(super) &'a str);

/// The statement with its bound values, for either database.
macro_rules! query {
    ($statement:expr) => {{
        let values = $statement.values.clone().unwrap_or(Values(Vec::new()));
        sqlx::query_with(AssertSqlSafe($statement.sql.as_str()), SqlxValues(values))
    }};
}

impl Request for Execute {
    type Answer = ExecResult;

    fn sql(&self) -> &str {
        &self.0.sql
    }

    #[cfg(any(test, feature = "testing"))]
    fn statement(&self) -> Option<&Statement> {
        Some(&self.0)
    }

    async fn send(&self, connection: &mut Connection) -> Result<ExecResult, sqlx::Error> {
        match connection {
            Connection::Sqlite(connection, _) => query!(self.0)
                .execute(&mut **connection)
                .await
                .map(Into::into),
            Connection::Postgres(connection) => query!(self.0)
                .execute(&mut **connection)
                .await
                .map(Into::into),
        }
    }
}

impl Request for FetchOptional {
    type Answer = Option<QueryResult>;

    fn sql(&self) -> &str {
        &self.0.sql
    }

    #[cfg(any(test, feature = "testing"))]
    fn statement(&self) -> Option<&Statement> {
        Some(&self.0)
    }

    async fn send(&self, connection: &mut Connection) -> Result<Option<QueryResult>, sqlx::Error> {
        match connection {
            Connection::Sqlite(connection, _) => {
                let row = query!(self.0).fetch_optional(&mut **connection).await?;
                Ok(row.map(QueryResult::from))
            }
            Connection::Postgres(connection) => {
                let row = query!(self.0).fetch_optional(&mut **connection).await?;
                Ok(row.map(QueryResult::from))
            }
        }
    }
}

impl Request for FetchAll {
    type Answer = Vec<QueryResult>;

    fn sql(&self) -> &str {
        &self.0.sql
    }

    #[cfg(any(test, feature = "testing"))]
    fn statement(&self) -> Option<&Statement> {
        Some(&self.0)
    }

    async fn send(&self, connection: &mut Connection) -> Result<Vec<QueryResult>, sqlx::Error> {
        match connection {
            Connection::Sqlite(connection, _) => {
                let rows = query!(self.0).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            Connection::Postgres(connection) => {
                let rows = query!(self.0).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }
}

impl Request for Unprepared<'_> {
    type Answer = ExecResult;

    fn sql(&self) -> &str {
        self.0
    }

    #[cfg(any(test, feature = "testing"))]
    fn statement(&self) -> Option<&Statement> {
        None
    }

    async fn send(&self, connection: &mut Connection) -> Result<ExecResult, sqlx::Error> {
        let sql = AssertSqlSafe(self.0.to_owned());
        match connection {
            Connection::Sqlite(connection, _) => connection.execute(sql).await.map(Into::into),
            Connection::Postgres(connection) => connection.execute(sql).await.map(Into::into),
        }
    }
}

/// Implements SeaORM's queries for a type whose `run` takes a [`Request`].
macro_rules! runs_queries {
    ($type:ty) => {
        #[async_trait::async_trait]
        impl sea_orm::ConnectionTrait for $type {
            fn get_database_backend(&self) -> sea_orm::DbBackend {
                self.backend()
            }

            async fn execute_raw(
                &self,
                statement: sea_orm::Statement,
            ) -> Result<sea_orm::ExecResult, sea_orm::DbErr> {
                self.run($crate::database::connection::Execute(statement))
                    .await
            }

            async fn execute_unprepared(
                &self,
                sql: &str,
            ) -> Result<sea_orm::ExecResult, sea_orm::DbErr> {
                self.run($crate::database::connection::Unprepared(sql))
                    .await
            }

            async fn query_one_raw(
                &self,
                statement: sea_orm::Statement,
            ) -> Result<Option<sea_orm::QueryResult>, sea_orm::DbErr> {
                self.run($crate::database::connection::FetchOptional(statement))
                    .await
            }

            async fn query_all_raw(
                &self,
                statement: sea_orm::Statement,
            ) -> Result<Vec<sea_orm::QueryResult>, sea_orm::DbErr> {
                self.run($crate::database::connection::FetchAll(statement))
                    .await
            }
        }
    };
}
pub(super) use runs_queries;

/// Converts a statement's error to SeaORM's type.
pub(super) fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// Whether the connection failed, or the server closed it: another connection may work.
pub(super) fn is_disconnected(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // 57P01 to 57P03: the server is stopping or starting; class 08: connection errors.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P0") || code.starts_with("08")),
        _ => false,
    }
}

/// Whether PostgreSQL refuses writes on this connection: the server is a standby, or was read-only when the connection
/// was made. A new one may find it writable, or find another server.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("25006"))
}
