//! One database for each domain: a SQLite file of its own under the data directory, or a schema
//! of its own in PostgreSQL. Which one is a matter of configuration; no other code can tell.

mod meter;
mod readers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::watch;

use meter::Meter;
use readers::SqliteReaders;

pub use readers::Readers;

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
    read: Readers,
    write: DatabaseConnection,
    meter: Meter,
    commits: Arc<watch::Sender<u64>>,
}

/// Rows that SQLite's thread is ahead of who takes them before it sleeps: more than a page of anything has.
const SQLITE_ROWS_AHEAD: usize = 512;

/// Readers of one SQLite file at a time. Each is a thread.
const SQLITE_READERS: u32 = 4;

impl Database {
    /// Opens the domain's database, creating the file or the schema when it does not exist.
    pub async fn open(config: &DatabaseConfig, domain: &str) -> Result<Self, DatabaseError> {
        let connect = |source| DatabaseError::Connect {
            domain: domain.to_owned(),
            source,
        };
        let meter = Meter::of_requests(domain);
        let (read, write) = match config {
            DatabaseConfig::Sqlite { directory } => {
                std::fs::create_dir_all(directory).map_err(|source| DatabaseError::Directory {
                    path: directory.clone(),
                    source,
                })?;
                let path = directory.join(format!("{domain}.sqlite"));
                let url = format!("sqlite://{}?mode=rwc", path.display());
                // The writer first: it creates the file and sets its journal mode.
                let mut write = sea_orm::Database::connect(sqlite_options(&url, 1))
                    .await
                    .map_err(connect)?;
                let read = sea_orm::Database::connect(sqlite_options(&url, SQLITE_READERS))
                    .await
                    .map_err(connect)?;
                let read = SqliteReaders::new(read.get_sqlite_connection_pool(), meter.clone());
                count_statements(&mut write, &meter);
                (Readers::Sqlite(read), write)
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
                let mut pool = sea_orm::Database::connect(options).await.map_err(connect)?;
                count_statements(&mut pool, &meter);
                (Readers::Postgres(pool.clone()), pool)
            }
        };
        Ok(Self {
            domain: domain.into(),
            read,
            write,
            meter,
            commits: Arc::new(watch::Sender::new(0)),
        })
    }

    /// The same database for background work, whose statements are counted apart: those of
    /// requests can then be told from what runs beside them.
    pub fn for_workers(&self) -> Self {
        let meter = Meter::of_workers(&self.domain);
        let mut write = self.write.clone();
        count_statements(&mut write, &meter);
        let read = match &self.read {
            Readers::Sqlite(readers) => Readers::Sqlite(readers.metered(meter.clone())),
            Readers::Postgres(_) => Readers::Postgres(write.clone()),
        };
        Self {
            read,
            write,
            meter,
            ..self.clone()
        }
    }

    /// The domain whose database it is.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// For queries outside a transaction.
    pub fn read(&self) -> &Readers {
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
        self.meter.statements()
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
                .row_buffer_size(SQLITE_ROWS_AHEAD)
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

fn count_statements(connection: &mut DatabaseConnection, meter: &Meter) {
    let meter = meter.clone();
    connection.set_metric_callback(move |info| {
        meter.record(&info.statement.sql, info.elapsed, info.failed);
    });
}
