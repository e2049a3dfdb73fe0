//! One connection, of either database, and the statements that it runs. What is above it neither knows which
//! database it is nor passes through sqlx's pool, which asks a connection for a sign of life after each use.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection as _, Executor};
use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;

/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// SQLite's instructions between two looks whether anybody waits for the statement: some 100 µs.
const INSTRUCTIONS: i32 = 10_000;

/// Settings of PostgreSQL that a statement can be stopped by. Servers that do not know one have none of it.
const SETTINGS: [(&str, &str); 2] = [
    // How often the server looks whether the client of a statement is still there. Otherwise it notices when it has rows
    // to send.
    ("client_connection_check_interval", "20ms"),
    // Nothing stops it while it compiles a statement, for hundreds of milliseconds: more than running any of ours takes.
    ("jit", "off"),
];

/// How a connection is opened.
#[derive(Clone, Debug)]
pub(super) enum Connector {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres {
        options: Box<PgConnectOptions>,
        /// The schema that unqualified names are in.
        schema: String,
    },
}

/// An open connection.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(Box<SqliteConnection>, Stop),
    Postgres(Box<PgConnection>),
}

/// Stops what runs on a SQLite connection. It does not notice by itself that nobody waits: it would run to its end.
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
                // Not startup parameters: poolers refuse those they do not know.
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
    /// Runs a statement that has no values and answers nothing.
    pub(super) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection, _) => connection.execute(sql).await.map(drop),
            Self::Postgres(connection) => connection.execute(sql).await.map(drop),
        }
    }

    /// Stops its statement, if one runs, and for good: the connection can only be closed then. A PostgreSQL server stops
    /// statements whose connection is closed.
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

    /// Ends the connection, and with it a transaction that is still open on it.
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
            Err(_) => tracing::warn!("a database connection was not closed in {GOODBYE:?}"),
        }
    }
}

/// Something to be run on a connection.
pub(super) trait Request: Send + Sync {
    type Answer: Send;

    fn sql(&self) -> &str;

    fn send(
        &self,
        connection: &mut Connection,
    ) -> impl Future<Output = Result<Self::Answer, sqlx::Error>> + Send;

    /// Whether it certainly only reads.
    fn is_read_only(&self) -> bool {
        let verb = self.sql().trim_start().get(..6);
        verb.is_some_and(|verb| verb.eq_ignore_ascii_case("SELECT"))
    }
}

/// A statement whose rows nobody wants.
pub(super) struct Execute(pub(super) Statement);
/// A statement of which the first row is wanted, if there is one.
pub(super) struct FetchOptional(pub(super) Statement);
/// A statement of which all rows are wanted.
pub(super) struct FetchAll(pub(super) Statement);
/// Statements without values, several with semicolons between them.
pub(super) struct Unprepared<'a>(pub(super) &'a str);

/// The statement with its values, for either database.
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

    async fn send(&self, connection: &mut Connection) -> Result<ExecResult, sqlx::Error> {
        let sql = AssertSqlSafe(self.0.to_owned());
        match connection {
            Connection::Sqlite(connection, _) => connection.execute(sql).await.map(Into::into),
            Connection::Postgres(connection) => connection.execute(sql).await.map(Into::into),
        }
    }
}

/// Lets SeaORM's queries run on a type whose `run` takes a [`Request`].
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

/// The error of a statement, as SeaORM has it.
pub(super) fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// Whether it was the connection that failed, or the server that ended it: another connection may do better.
pub(super) fn is_disconnected(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // 57P01 to 57P03: the server stops or starts; class 08: the connection.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P0") || code.starts_with("08")),
        _ => false,
    }
}
