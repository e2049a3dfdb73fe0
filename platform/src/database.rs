//! One database per domain: a SQLite file under the data directory, or a PostgreSQL schema. The configuration decides;
//! no other code can tell the difference.

mod arrivals;
mod commits;
mod connection;
mod content;
#[cfg(any(test, feature = "testing"))]
pub mod faults;
mod group_commit;
mod health;
mod meter;
mod open;
mod pool;
mod process_lock;
mod read_only;
mod readers;
#[cfg(any(test, feature = "testing"))]
pub mod recorder;
pub mod snapshot;
#[cfg(test)]
mod tests;
mod transaction;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use health::WriteHealth;
use meter::Meter;
use writer::Writes;

use crate::bus::Event;
use crate::tables::queue::Queue;

pub use content::was_migrated;
pub use process_lock::ProcessLock;
pub use read_only::{ReadOnly, ReadTransaction};
pub use readers::Readers;
pub use transaction::DatabaseTransaction;
pub use writer::Writer;

/// Where the domains' databases live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseConfig {
    /// A directory that holds `<domain>.sqlite` for each domain.
    Sqlite {
        directory: PathBuf,
        synchronous: Synchronous,
    },
    /// A PostgreSQL database with a schema for each domain, named after it.
    Postgres {
        url: String,
        max_connections: u32,
        /// How long to wait for a connection, whether all are in use or the server is down.
        acquire_timeout: Duration,
    },
}

impl DatabaseConfig {
    /// A directory of SQLite files, with the defaults.
    pub fn sqlite(directory: impl Into<PathBuf>) -> Self {
        Self::Sqlite {
            directory: directory.into(),
            synchronous: Synchronous::default(),
        }
    }
}

/// Durability of commits to a SQLite file.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// Commits wait for the disk: a power cut loses no acknowledged commit.
    #[default]
    Full,
    /// Commits wait for the operating system: a process crash loses nothing, a power cut may lose the last seconds.
    Normal,
}

/// Why a domain's database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("cannot create the data directory {path}: {source}; choose another with --data")]
    Directory {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot open the {domain} database {place}: {source}")]
    Connect {
        domain: String,
        /// The file or server.
        place: String,
        source: DbErr,
    },
}

/// A domain's open database, with separate connections for reads and writes: SQLite allows one writer at a time, and a
/// write queues instead of failing with "database is locked".
#[derive(Clone, Debug)]
pub struct Database {
    domain: Arc<str>,
    config: Arc<DatabaseConfig>,
    read: Readers,
    write: Writer,
    writes: Arc<Writes>,
    meter: Meter,
}

impl Database {
    /// Opens the domain's database, creating the file or the schema when it does not exist.
    pub async fn open(config: &DatabaseConfig, domain: &str) -> Result<Self, DatabaseError> {
        let (readers, writes) = open::open(config, domain).await?;
        let meter = Meter::of_requests(domain);
        Ok(Self {
            domain: domain.into(),
            config: Arc::new(config.clone()),
            read: Readers::new(readers, meter.clone()),
            write: Writer::new(writes.clone(), meter.clone()),
            writes,
            meter,
        })
    }

    /// The same database for background work, whose statements are counted separately from those of requests.
    pub fn for_workers(&self) -> Self {
        let meter = Meter::of_workers(&self.domain);
        Self {
            read: self.read.metered(meter.clone()),
            write: Writer::new(self.writes.clone(), meter.clone()),
            meter,
            ..self.clone()
        }
    }

    /// The file or server, for messages.
    pub fn location(&self) -> String {
        open::location(&self.config, &self.domain)
    }

    /// The domain this database belongs to.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// For queries outside a transaction.
    pub fn read(&self) -> &Readers {
        &self.read
    }

    /// For single statements that write.
    pub fn write(&self) -> &Writer {
        &self.write
    }

    /// A separate connection for SeaORM's migrations. The caller closes it.
    pub async fn connect_for_migrations(&self) -> Result<DatabaseConnection, DbErr> {
        open::connect_for_migrations(&self.config, &self.domain).await
    }

    /// Begins a transaction that may write from its first statement on.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        DatabaseTransaction::begin(self.writes.clone(), self.meter.clone()).await
    }

    /// Call after bulk writes: moves SQLite's write-ahead log into the database file, where reads are faster. Does not
    /// run ANALYZE: with statistics, SQLite plans a statement again for every set of bound values. PostgreSQL needs
    /// nothing.
    pub async fn checkpoint(&self) -> Result<(), DbErr> {
        if self.write.get_database_backend() == DbBackend::Sqlite {
            self.write
                .execute("PRAGMA wal_checkpoint(TRUNCATE)")
                .await?;
        }
        Ok(())
    }

    /// Changes with every commit in this process.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.writes.commits.all()
    }

    /// Changes when there may be work in a queue: with commits in this process, and in others while they are
    /// [followed](Self::follow_others).
    pub(crate) fn arrivals(&self, queue: Queue) -> watch::Receiver<u64> {
        self.writes.commits.of_queue(queue)
    }

    /// The events of transactions that this process commits, before they are published. For what may miss some: they are
    /// not kept, and whoever falls behind gets an error instead of the oldest.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.writes.commits.events()
    }

    /// Wakes the workers of this process when another one has written rows for them, until told to stop.
    pub async fn follow_others(&self, stop: &CancellationToken) {
        let following = arrivals::follow(&self.config, &self.domain, &self.writes);
        stop.run_until_cancelled(following).await;
    }

    /// Checks that the database can be read and written. Without a recent write it makes one; after a failure it writes
    /// more than a few bytes, so that one last free block does not count as recovered.
    pub async fn ready(&self) -> Result<(), DbErr> {
        self.read.execute_unprepared("SELECT 1").await?;
        let length = match self.writes.health.status() {
            WriteHealth::Writable => return Ok(()),
            WriteHealth::Unknown => 0,
            WriteHealth::Failing => PROBE_AFTER_FAILURE,
        };
        crate::tables::write_probe::write(self.write(), length).await
    }

    /// SQL statements run through this database and its clones so far.
    pub fn statements(&self) -> u64 {
        self.meter.statements()
    }

    /// Closes the connections. Later requests fail.
    pub async fn close(&self) {
        self.read.close().await;
        self.writes.pool.close().await;
    }

    /// The same database for whoever only looks, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub async fn read_only(&self) -> Result<Option<ReadOnly>, DatabaseError> {
        ReadOnly::open(&self.config, &self.domain).await
    }

    /// The same database opened once more, as another process would, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub async fn reopen(&self) -> Result<Self, DatabaseError> {
        Self::open(&self.config, &self.domain).await
    }

    /// Fault injection for this database's writes, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn faults(&self) -> &faults::Faults {
        &self.writes.faults
    }
}

/// Bytes that must be written before a database that failed counts as ready again.
const PROBE_AFTER_FAILURE: usize = 256 * 1024;
