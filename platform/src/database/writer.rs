//! Writing connections: how transactions begin and end, when a commit is acknowledged, and what happens to a connection
//! after a failure. A failed statement or commit closes the connection, which undoes anything open on it before another
//! write starts.

use std::sync::Arc;

use sea_orm::{DbBackend, DbErr, RuntimeErr, Statement, sqlx};

use super::commits::{Commits, Written};
use super::connection::{Execute, FetchOptional, Request, Unprepared, failed, runs_queries};
use super::group_commit::GroupCommit;
use super::health::Health;
use super::meter::Meter;
use super::pool::{Lease, Pool};

#[cfg(any(test, feature = "testing"))]
use super::faults::Faults;

/// Shared by all writers of a database.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) pool: Arc<Pool>,
    /// `None` on PostgreSQL, and where SQLite need not be durable.
    pub(super) group: Option<GroupCommit>,
    pub(super) commits: Commits,
    /// Where PostgreSQL tells other processes of rows in queues; `None` on SQLite.
    pub(super) channel: Option<String>,
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
    /// A connection with an open transaction that may write from its first statement on.
    pub(super) async fn begin(&self) -> Result<Lease, DbErr> {
        let begin = match self.pool.backend() {
            DbBackend::Sqlite => "BEGIN IMMEDIATE",
            _ => "BEGIN",
        };
        loop {
            let mut lease = self.connection().await?;
            match self.control(&mut lease, begin).await {
                Ok(()) => return Ok(lease),
                // The transaction never began, and the other idle connections were dropped.
                Err(error) if lease.is_retryable(&error) => {}
                Err(error) => return Err(self.record_failure(failed(error))),
            }
        }
    }

    /// Commits. Success means the commit is on disk. After a failure its outcome is unknown, so it must not be
    /// acknowledged.
    pub(super) async fn commit(&self, mut lease: Lease, written: Written) -> Result<(), DbErr> {
        // Also if it fails: it may have been made, and its rows would wait for the next poll.
        let _notice = self.commits.notice(written);
        if let Err(error) = self.control(&mut lease, "COMMIT").await {
            return Err(self.record_failure(failed(error)));
        }
        self.acknowledge(lease, written).await
    }

    /// Call after a commit on this connection: waits until it is durable.
    async fn acknowledge(&self, mut lease: Lease, written: Written) -> Result<(), DbErr> {
        let commit = self.group.as_ref().map(|group| match written.is_any() {
            true => group.committed(),
            // Data the transaction has read must be durable, too, before anyone learns of it.
            false => group.newest(),
        });
        if self.notify_others(&mut lease, written).await {
            lease.release();
        }
        if let (Some(group), Some(commit)) = (&self.group, commit) {
            let durable = group.durable(commit).await;
            durable.map_err(|error| self.record_failure(failed(sqlx::Error::Io(error))))?;
        }
        if written.is_any() {
            self.health.record_success();
        }
        Ok(())
    }

    /// Wakes the workers of other processes, if this one has none for what was written: a command's rows would wait for
    /// the next poll. After the commit, because commits that notify wait for each other. Returns whether the connection
    /// can still be used.
    async fn notify_others(&self, lease: &mut Lease, written: Written) -> bool {
        let Some(channel) = &self.channel else {
            return true;
        };
        let elsewhere = written
            .queues()
            .filter(|queue| !self.commits.is_awaited(*queue));
        let notify: Vec<_> = elsewhere
            .map(|queue| format!("NOTIFY \"{channel}\", '{}'", queue.table()))
            .collect();
        if notify.is_empty() {
            return true;
        }
        let notified = lease.send(&Unprepared(&notify.join("; "))).await;
        if let Err(error) = &notified {
            tracing::debug!(%error, channel, "other processes not notified, they will poll");
        }
        notified.is_ok()
    }

    /// Changes when another process commits to this SQLite database. Of each connection, so it means nothing where
    /// there are several.
    pub(super) async fn data_version(&self) -> Result<i64, DbErr> {
        let mut lease = self.connection().await?;
        let version = Statement::from_string(DbBackend::Sqlite, "PRAGMA data_version");
        let row = lease.send(&FetchOptional(version)).await.map_err(failed)?;
        lease.release();
        let none = || DbErr::RecordNotFound("PRAGMA data_version".to_owned());
        row.ok_or_else(none)?.try_get_by_index(0)
    }

    /// A connection for writing.
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

    /// Moves the log into the database file, because a failed sync left its state on disk unknown.
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
            let message = "the write-ahead log could not be checkpointed after a failed sync";
            return Err(self.record_failure(DbErr::Exec(RuntimeErr::Internal(message.to_owned()))));
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

    /// Runs a request that is a transaction of its own.
    async fn send_alone<R: Request>(
        &self,
        lease: &mut Lease,
        request: &R,
    ) -> Result<R::Answer, sqlx::Error> {
        #[cfg(any(test, feature = "testing"))]
        return self.faults.send_alone(lease, request).await;
        #[cfg(not(any(test, feature = "testing")))]
        self.send(lease, request).await
    }

    async fn control(&self, lease: &mut Lease, sql: &'static str) -> Result<(), sqlx::Error> {
        #[cfg(any(test, feature = "testing"))]
        return self.faults.control(lease, sql).await;
        #[cfg(not(any(test, feature = "testing")))]
        lease.control(sql).await
    }

    /// Records a failed write.
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
        let mut written = Written::default();
        written.note(&request);
        let _notice = self.writes.commits.notice(written);
        let statement = self.writes.send_alone(&mut lease, &request);
        let answer = self
            .meter
            .measure(self.backend(), &request, statement)
            .await;
        let answer = answer.map_err(|error| self.writes.record_failure(failed(error)))?;
        self.writes.acknowledge(lease, written).await?;
        Ok(answer)
    }

    /// Runs a statement without parameters.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        let statement = Statement::from_string(self.backend(), sql);
        self.run(Execute(statement)).await.map(drop)
    }
}

runs_queries!(Writer);
