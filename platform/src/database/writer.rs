//! Connections that write: how a transaction begins and ends, what is acknowledged, and what becomes of a connection
//! on which something failed. A failed statement or commit costs the connection: it is closed, which undoes whatever was
//! open on it, before another one may write.

use std::sync::Arc;
use std::time::Instant;

use sea_orm::{DbBackend, DbErr, RuntimeErr, Statement, sqlx};
use tokio::sync::watch;

use super::connection::{Execute, FetchOptional, Request, failed, runs_queries};
use super::group_commit::GroupCommit;
use super::health::Health;
use super::meter::Meter;
use super::pool::{Lease, Pool};

#[cfg(any(test, feature = "testing"))]
use super::faults::Faults;

/// What all who write to a database share.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) pool: Arc<Pool>,
    /// On PostgreSQL, and where SQLite need not be durable, there is none.
    pub(super) group: Option<GroupCommit>,
    pub(super) commits: watch::Sender<u64>,
    pub(super) health: Health,
    #[cfg(any(test, feature = "testing"))]
    pub(super) faults: Faults,
}

/// For single statements that write. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    writes: Arc<Writes>,
    meter: Meter,
}

impl Writes {
    /// A connection on which a transaction has begun that may write from its first statement on.
    pub(super) async fn begin(&self) -> Result<Lease, DbErr> {
        let begin = match self.pool.backend() {
            DbBackend::Sqlite => "BEGIN IMMEDIATE",
            _ => "BEGIN",
        };
        loop {
            let mut lease = self.connection().await?;
            match self.control(&mut lease, begin).await {
                Ok(()) => return Ok(lease),
                // Nothing was begun, and the other idle connections were forgotten.
                Err(error) if lease.is_retryable(&error) => {}
                Err(error) => return Err(self.record_failure(failed(error))),
            }
        }
    }

    /// Commits. On success it is on the disk, on failure it is not known to be: never acknowledge it then.
    pub(super) async fn commit(&self, mut lease: Lease, has_written: bool) -> Result<(), DbErr> {
        if let Err(error) = self.control(&mut lease, "COMMIT").await {
            return Err(self.record_failure(failed(error)));
        }
        self.acknowledge(lease, has_written).await
    }

    /// What was done on the connection is committed: waits until it lasts, and wakes who waits for it.
    async fn acknowledge(&self, lease: Lease, has_written: bool) -> Result<(), DbErr> {
        let commit = self.group.as_ref().map(|group| match has_written {
            true => group.committed(),
            // What it read must last too before anybody is told.
            false => group.newest(),
        });
        lease.release();
        if let (Some(group), Some(commit)) = (&self.group, commit) {
            let durable = group.durable(commit).await;
            durable.map_err(|error| self.record_failure(failed(sqlx::Error::Io(error))))?;
        }
        if has_written {
            self.health.record_success();
            self.commits
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }

    /// A connection to write with.
    async fn connection(&self) -> Result<Lease, DbErr> {
        let acquired = self.pool.acquire().await;
        let mut lease = acquired.map_err(|error| self.record_failure(error))?;
        if let Some(group) = &self.group
            && group.is_broken()
        {
            self.repair(&mut lease, group).await?;
        }
        Ok(lease)
    }

    /// Moves the log into the database file, because it is not known to be on the disk.
    async fn repair(&self, lease: &mut Lease, group: &GroupCommit) -> Result<(), DbErr> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let checkpoint = FetchOptional(Statement::from_string(DbBackend::Sqlite, checkpoint));
        let row = lease.send(&checkpoint).await;
        let row = row.map_err(|error| self.record_failure(failed(error)))?;
        let is_busy = match row {
            Some(row) => row.try_get_by_index::<i32>(0)? != 0,
            None => true,
        };
        if is_busy {
            let told = "the log of the database could not be moved into it after a failed sync";
            return Err(self.record_failure(DbErr::Exec(RuntimeErr::Internal(told.to_owned()))));
        }
        group.repaired();
        Ok(())
    }

    pub(super) async fn send<R: Request>(
        &self,
        lease: &mut Lease,
        request: &R,
    ) -> Result<R::Answer, sqlx::Error> {
        #[cfg(any(test, feature = "testing"))]
        return self.faults.send(lease, request).await;
        #[cfg(not(any(test, feature = "testing")))]
        lease.send(request).await
    }

    async fn control(&self, lease: &mut Lease, sql: &'static str) -> Result<(), sqlx::Error> {
        #[cfg(any(test, feature = "testing"))]
        return self.faults.control(lease, sql).await;
        #[cfg(not(any(test, feature = "testing")))]
        lease.control(sql).await
    }

    /// Notes that a write failed.
    pub(super) fn record_failure(&self, error: DbErr) -> DbErr {
        self.health.record_failure(&error);
        error
    }
}

impl Writer {
    pub(super) fn new(writes: Arc<Writes>, meter: Meter) -> Self {
        Self { writes, meter }
    }

    fn backend(&self) -> DbBackend {
        self.writes.pool.backend()
    }

    async fn run<R: Request>(&self, request: R) -> Result<R::Answer, DbErr> {
        let mut lease = self.writes.connection().await?;
        let started = Instant::now();
        let answer = self.writes.send(&mut lease, &request).await;
        self.meter
            .record(request.sql(), started.elapsed(), answer.is_err());
        let answer = answer.map_err(|error| self.writes.record_failure(failed(error)))?;
        let has_written = !request.is_read_only();
        self.writes.acknowledge(lease, has_written).await?;
        Ok(answer)
    }

    /// Runs a statement that has no values.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        let statement = Statement::from_string(self.backend(), sql);
        self.run(Execute(statement)).await.map(drop)
    }
}

runs_queries!(Writer);
