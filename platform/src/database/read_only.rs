//! A domain's database for whoever only looks: it is neither created, migrated nor written, and read in transactions that
//! see one state of it.

use std::path::PathBuf;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::Mutex;

use super::connection::{Request, failed, runs_queries};
use super::meter::Meter;
use super::open;
use super::pool::{Lease, Pool};
use super::{DatabaseConfig, DatabaseError};

/// An existing database.
#[derive(Clone, Debug)]
pub struct ReadOnly {
    domain: Arc<str>,
    pool: Arc<Pool>,
    meter: Meter,
}

/// A transaction that reads one state of the database, whatever others write meanwhile.
#[derive(Debug)]
pub struct ReadTransaction {
    backend: DbBackend,
    lease: Mutex<Lease>,
    meter: Meter,
}

impl ReadOnly {
    /// Opens the domain's database; `None` if there is none that was migrated once.
    pub async fn open(
        config: &DatabaseConfig,
        domain: &str,
    ) -> Result<Option<Self>, DatabaseError> {
        if let DatabaseConfig::Sqlite { directory, .. } = config {
            let file = open::database_path(directory, domain);
            if !has_content(file) {
                return Ok(None);
            }
        }
        let error = |source| open::connect_error(config, domain, source);
        let pool = open::open_read_only(config, domain).map_err(error)?;
        let database = Self {
            domain: domain.into(),
            pool,
            meter: Meter::of_workers(domain),
        };
        let is_migrated = database.is_migrated().await.map_err(error)?;
        Ok(is_migrated.then_some(database))
    }

    /// The domain this database belongs to.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Begins a transaction. End it with [`ReadTransaction::end`]; otherwise its connection is closed.
    pub async fn begin(&self) -> Result<ReadTransaction, DbErr> {
        let begin = match self.pool.backend() {
            DbBackend::Sqlite => "BEGIN",
            _ => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        loop {
            let mut lease = self.pool.acquire().await?;
            match lease.control(begin).await {
                Ok(()) => {
                    return Ok(ReadTransaction {
                        backend: self.pool.backend(),
                        lease: Mutex::new(lease),
                        meter: self.meter.clone(),
                    });
                }
                // The transaction never began, and the other idle connections were dropped.
                Err(error) if lease.is_retryable(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// The names of the migrations that were applied, in their order.
    pub async fn migrations(&self) -> Result<Vec<String>, DbErr> {
        let transaction = self.begin().await?;
        let sql = "SELECT version FROM seaql_migrations ORDER BY version";
        let rows = transaction
            .query_all_raw(transaction.statement(sql))
            .await?;
        transaction.end().await;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }

    async fn is_migrated(&self) -> Result<bool, DbErr> {
        let transaction = self.begin().await?;
        let sql = match transaction.backend {
            DbBackend::Sqlite => {
                "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
            }
            _ => "SELECT to_regclass('seaql_migrations') IS NOT NULL",
        };
        let row = transaction
            .query_one_raw(transaction.statement(sql))
            .await?;
        transaction.end().await;
        row.map_or(Ok(false), |row| row.try_get_by_index(0))
    }

    /// Closes the connections. Later requests fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// SQLite would take an empty file for a database.
fn has_content(file: PathBuf) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0)
}

impl ReadTransaction {
    fn backend(&self) -> DbBackend {
        self.backend
    }

    fn statement(&self, sql: &str) -> Statement {
        Statement::from_string(self.backend, sql)
    }

    async fn run<R: Request>(&self, request: R) -> Result<R::Answer, DbErr> {
        let mut lease = self.lease.lock().await;
        let statement = lease.send(&request);
        let answer = self.meter.measure(self.backend, &request, statement);
        answer.await.map_err(failed)
    }

    /// Ends the transaction, so that its connection can be used again.
    pub async fn end(self) {
        let mut lease = self.lease.into_inner();
        if lease.control("ROLLBACK").await.is_ok() {
            lease.release();
        }
    }
}

runs_queries!(ReadTransaction);
