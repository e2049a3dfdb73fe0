//! Opens a domain's database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions as _};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr};

use super::commits::Commits;
use super::connection::{Connector, Unprepared};
use super::group_commit::GroupCommit;
use super::health::Health;
use super::pool::Pool;
use super::writer::Writes;
use super::{DatabaseConfig, DatabaseError, Synchronous};

/// Rows that SQLite's thread may buffer ahead of the consumer before it sleeps. It hands over half of them at once, which
/// is all that a page reads in a statement.
const SQLITE_ROWS_AHEAD: usize = 512;

/// Concurrent readers of one SQLite file. Each is a thread.
const SQLITE_READERS: u32 = 4;

/// How long a statement waits for another process.
const SQLITE_BUSY: Duration = Duration::from_secs(5);

/// How long a SQLite writer waits for its turn. Long, because imports write thousands of rows in one transaction.
const SQLITE_TURN: Duration = Duration::from_secs(30);

/// Opens the reading and the writing connections.
pub(super) async fn open(
    config: &DatabaseConfig,
    domain: &str,
) -> Result<(Arc<Pool>, Arc<Writes>), DatabaseError> {
    let (readers, writers, group) = match config {
        DatabaseConfig::Sqlite {
            directory,
            synchronous,
        } => {
            std::fs::create_dir_all(directory).map_err(|source| DatabaseError::Directory {
                path: directory.clone(),
                source,
            })?;
            let connector = || Connector::Sqlite(Box::new(sqlite_options(directory, domain)));
            let group = (*synchronous == Synchronous::Full)
                .then(|| GroupCommit::new(domain, log_path(directory, domain)));
            let writers = Pool::new(connector(), 1, SQLITE_TURN);
            let readers = Pool::new(connector(), SQLITE_READERS, SQLITE_TURN);
            (readers, writers, group)
        }
        DatabaseConfig::Postgres {
            url,
            max_connections,
            acquire_timeout,
        } => {
            let connector = postgres_connector(url, domain)
                .map_err(|source| connect_error(config, domain, source))?;
            let pool = Pool::new(connector, *max_connections, *acquire_timeout);
            create_schema(&pool, domain)
                .await
                .map_err(|source| connect_error(config, domain, source))?;
            (pool.clone(), pool, None)
        }
    };
    // The writer first: it creates the file and sets its journal mode.
    for pool in [&writers, &readers] {
        let lease = pool.acquire().await;
        lease
            .map_err(|source| connect_error(config, domain, source))?
            .release();
    }
    #[cfg(any(test, feature = "testing"))]
    let faults = match &group {
        Some(group) => group.faults.clone(),
        None => super::faults::Faults::default(),
    };
    let writes = Writes {
        pool: writers,
        group,
        commits: Commits::default(),
        channel: matches!(config, DatabaseConfig::Postgres { .. }).then(|| channel(domain)),
        health: Health::new(domain),
        #[cfg(any(test, feature = "testing"))]
        faults,
    };
    Ok((readers, Arc::new(writes)))
}

/// One connection that only reads, made when it is used.
pub(super) fn open_read_only(config: &DatabaseConfig, domain: &str) -> Result<Arc<Pool>, DbErr> {
    Ok(match config {
        DatabaseConfig::Sqlite { directory, .. } => {
            let options = SqliteConnectOptions::new()
                .filename(database_path(directory, domain))
                .read_only(true)
                .busy_timeout(SQLITE_BUSY)
                .row_buffer_size(SQLITE_ROWS_AHEAD)
                .pragma("temp_store", "memory")
                .disable_statement_logging();
            Pool::new(Connector::Sqlite(Box::new(options)), 1, SQLITE_TURN)
        }
        DatabaseConfig::Postgres {
            url,
            acquire_timeout,
            ..
        } => Pool::new(postgres_connector(url, domain)?, 1, *acquire_timeout),
    })
}

/// SeaORM's own connection for migrations. They are few, so each commit waits for the disk itself.
pub(super) async fn connect_for_migrations(
    config: &DatabaseConfig,
    domain: &str,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = match config {
        DatabaseConfig::Sqlite { directory, .. } => {
            let sqlite = sqlite_options(directory, domain).synchronous(SqliteSynchronous::Full);
            let mut options = ConnectOptions::new("sqlite:");
            options.map_sqlx_sqlite_opts(move |_| sqlite.clone());
            options
        }
        DatabaseConfig::Postgres { url, .. } => {
            let mut options = ConnectOptions::new(url);
            options.set_schema_search_path(domain);
            options
        }
    };
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await
}

pub(super) fn database_path(directory: &Path, domain: &str) -> PathBuf {
    directory.join(format!("{domain}.sqlite"))
}

pub(super) fn log_path(directory: &Path, domain: &str) -> PathBuf {
    directory.join(format!("{domain}.sqlite-wal"))
}

fn sqlite_options(directory: &Path, domain: &str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database_path(directory, domain))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // `GroupCommit` makes commits durable.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY)
        .row_buffer_size(SQLITE_ROWS_AHEAD)
        .pragma("temp_store", "memory")
        // What is deleted of customers is not to stay in free pages.
        .pragma("secure_delete", "on")
        .disable_statement_logging()
}

/// The channel in which processes learn of rows in a domain's queues.
pub(super) fn channel(domain: &str) -> String {
    format!("vantage.{domain}")
}

pub(super) fn postgres_options(url: &str, domain: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    Ok(options
        .application_name(&format!("vantage-{domain}"))
        .disable_statement_logging())
}

fn postgres_connector(url: &str, domain: &str) -> Result<Connector, DbErr> {
    let options = postgres_options(url, domain)
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
    Ok(Connector::Postgres {
        options: Box::new(options),
        schema: domain.to_owned(),
    })
}

async fn create_schema(pool: &Arc<Pool>, domain: &str) -> Result<(), DbErr> {
    let mut lease = pool.acquire().await?;
    // Two processes that start together may both find it missing; the loser ignores its error.
    let create = format!("CREATE SCHEMA IF NOT EXISTS \"{domain}\"");
    match lease.send(&Unprepared(&create)).await {
        Ok(_) => lease.release(),
        Err(error) if error.to_string().contains("pg_namespace_nspname_index") => {}
        Err(error) => return Err(super::connection::failed(error)),
    }
    Ok(())
}

/// The file or server.
pub(super) fn location(config: &DatabaseConfig, domain: &str) -> String {
    match config {
        DatabaseConfig::Sqlite { directory, .. } => {
            database_path(directory, domain).display().to_string()
        }
        DatabaseConfig::Postgres { url, .. } => match url.parse::<PgConnectOptions>() {
            Ok(options) => format!("at {}:{}", options.get_host(), options.get_port()),
            Err(_) => "at database_url".to_owned(),
        },
    }
}

pub(super) fn connect_error(config: &DatabaseConfig, domain: &str, source: DbErr) -> DatabaseError {
    DatabaseError::Connect {
        domain: domain.to_owned(),
        place: location(config, domain),
        source,
    }
}
