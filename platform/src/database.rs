//! One database for each domain: a SQLite file of its own under the data directory, or a schema
//! of its own in PostgreSQL. Which one is a matter of configuration; no other code can tell.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::watch;

/// Where the domains' databases live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseConfig {
    /// A directory that holds `<domain>.sqlite` for each domain.
    Sqlite { directory: PathBuf },
    /// A PostgreSQL database with a schema for each domain, named after it.
    Postgres { url: String, max_connections: u32 },
}

/// Why a domain's database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("cannot create the data directory {path}: {source}; choose another with --data")]
    Directory {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot open the {domain} database: {source}")]
    Connect { domain: String, source: DbErr },
}

/// A domain's open database. Reads and writes have connections of their own, because SQLite has
/// one writer: a write waits for its turn instead of failing with "database is locked".
#[derive(Clone, Debug)]
pub struct Database {
    domain: Arc<str>,
    read: DatabaseConnection,
    write: DatabaseConnection,
    statements: Arc<AtomicU64>,
    commits: Arc<watch::Sender<u64>>,
}

/// Readers of one SQLite file at a time. Each is a thread.
const SQLITE_READERS: u32 = 4;

impl Database {
    /// Opens the domain's database, creating the file or the schema when it does not exist.
    pub async fn open(config: &DatabaseConfig, domain: &str) -> Result<Self, DatabaseError> {
        let connect = |source| DatabaseError::Connect {
            domain: domain.to_owned(),
            source,
        };
        let statements = Arc::new(AtomicU64::new(0));
        let (mut read, mut write) = match config {
            DatabaseConfig::Sqlite { directory } => {
                std::fs::create_dir_all(directory).map_err(|source| DatabaseError::Directory {
                    path: directory.clone(),
                    source,
                })?;
                let path = directory.join(format!("{domain}.sqlite"));
                let url = format!("sqlite://{}?mode=rwc", path.display());
                // The writer first: it creates the file and sets its journal mode.
                let write = sea_orm::Database::connect(sqlite_options(&url, 1))
                    .await
                    .map_err(connect)?;
                let read = sea_orm::Database::connect(sqlite_options(&url, SQLITE_READERS))
                    .await
                    .map_err(connect)?;
                (read, write)
            }
            DatabaseConfig::Postgres {
                url,
                max_connections,
            } => {
                create_schema(url, domain).await.map_err(connect)?;
                let mut options = ConnectOptions::new(url);
                options
                    .max_connections(*max_connections)
                    .set_schema_search_path(domain)
                    .set_application_name(format!("vantage-{domain}"))
                    .acquire_timeout(Duration::from_secs(5));
                quiet(&mut options);
                let pool = sea_orm::Database::connect(options).await.map_err(connect)?;
                (pool.clone(), pool)
            }
        };
        count_statements(&mut read, domain, Whose::Requests, &statements);
        count_statements(&mut write, domain, Whose::Requests, &statements);
        Ok(Self {
            domain: domain.into(),
            read,
            write,
            statements,
            commits: Arc::new(watch::Sender::new(0)),
        })
    }

    /// The same database for background work, whose statements are counted apart: those of
    /// requests can then be told from what runs beside them.
    pub fn for_workers(&self) -> Self {
        let mut workers = self.clone();
        workers.statements = Arc::default();
        let Self { domain, .. } = self;
        count_statements(
            &mut workers.read,
            domain,
            Whose::Workers,
            &workers.statements,
        );
        count_statements(
            &mut workers.write,
            domain,
            Whose::Workers,
            &workers.statements,
        );
        workers
    }

    /// The domain whose database it is.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// For queries outside a transaction.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// For single statements that write, and for migrations.
    pub fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// A transaction that may write from its first statement on.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.write
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: (self.write.get_database_backend() == DbBackend::Sqlite)
                    .then_some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            })
            .await
    }

    /// Commits, and wakes the workers of this process who wait for what was written: an event is
    /// then on its way at once instead of at the next look into the outbox.
    pub async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), DbErr> {
        transaction.commit().await?;
        self.commits
            .send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    /// After much was written at once: SQLite moves it from its log into the file, where it is read sooner.
    /// No ANALYZE: with statistics SQLite plans a statement anew for every set of values bound to it.
    /// PostgreSQL does what it needs by itself.
    pub async fn settle(&self) -> Result<(), DbErr> {
        if self.write.get_database_backend() == DbBackend::Sqlite {
            self.write
                .execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
                .await?;
        }
        Ok(())
    }

    /// Changes with every [`commit`](Self::commit) in this process.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// SQL statements run so far through this database, by any of its clones.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

fn sqlite_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .pragma("temp_store", "memory")
        });
    quiet(&mut options);
    options
}

/// A pooled connection is not pinged before use, which would double the statements of a page;
/// one that died is found out by its first statement and replaced.
fn quiet(options: &mut ConnectOptions) {
    options
        .sqlx_logging(false)
        .test_before_acquire_if_idle_for(Duration::from_secs(10));
}

async fn create_schema(url: &str, domain: &str) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(5));
    quiet(&mut options);
    let connection = sea_orm::Database::connect(options).await?;
    // Two processes that start together may both find it missing; the loser's error is a success.
    let created = connection
        .execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS \"{domain}\""))
        .await;
    if let Err(error) = created
        && !error.to_string().contains("pg_namespace_nspname_index")
    {
        return Err(error);
    }
    connection.close().await
}

#[derive(Clone, Copy, Debug)]
enum Whose {
    Requests,
    Workers,
}

fn count_statements(
    connection: &mut DatabaseConnection,
    domain: &str,
    whose: Whose,
    statements: &Arc<AtomicU64>,
) {
    let statements = statements.clone();
    let (total, duration) = match whose {
        Whose::Requests => (
            metrics::counter!("vantage_sql_statements_total", "domain" => domain.to_owned()),
            metrics::histogram!("vantage_sql_duration_seconds", "domain" => domain.to_owned()),
        ),
        Whose::Workers => (
            metrics::counter!("vantage_worker_sql_statements_total", "domain" => domain.to_owned()),
            metrics::histogram!("vantage_worker_sql_duration_seconds", "domain" => domain.to_owned()),
        ),
    };
    connection.set_metric_callback(move |info| {
        statements.fetch_add(1, Ordering::Relaxed);
        total.increment(1);
        duration.record(info.elapsed.as_secs_f64());
        tracing::trace!(sql = %info.statement.sql, failed = info.failed, "statement");
    });
}
