//! Scheduled jobs: one of all instances runs a job at a time, at the job's interval.
//!
//! A running job holds a lease in its domain's database, which also records when the job last ran. An instance whose
//! clock is ahead may take the lease from a running one, which then stops. So every job must tolerate running twice at
//! once and being interrupted anywhere.

mod schedule;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::time::Duration;

use chrono::TimeDelta;
use metrics::counter;
use sea_orm::DbErr;
use tokio::time::Instant;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::sweep::sweep;
use crate::tables::lease::{self, LeaseRequest};
use crate::workers::WorkerContext;

pub use schedule::Schedule;

/// How long a lease holds without renewal.
const TTL: Duration = Duration::from_secs(4);
/// How often at least to check whether a job is due or its holder has died.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Longest wait before a failed job is retried.
const LONGEST: Duration = Duration::from_secs(300);
/// More time than passes between a check and the start of a run.
const MOMENT: Duration = Duration::from_millis(5);

/// Runs `work` every `interval` until told to stop, in one of all instances that use this name over this database.
/// Failed work is retried with exponential backoff.
pub async fn run_leased<F, E>(
    context: &WorkerContext,
    name: &str,
    interval: Duration,
    work: impl Fn() -> F + Send,
) where
    F: Future<Output = Result<(), E>> + Send,
    E: Display,
{
    run_scheduled(context, name, Schedule::Every(interval), work).await;
}

/// Like [`run_leased`], at the times of a schedule.
pub async fn run_scheduled<F, E>(
    context: &WorkerContext,
    name: &str,
    schedule: Schedule,
    work: impl Fn() -> F + Send,
) where
    F: Future<Output = Result<(), E>> + Send,
    E: Display,
{
    let stop = &context.stop;
    let instance = Instance::new(context, name, schedule);
    let period = schedule.period().to_std().unwrap_or(LONGEST);
    let mut backoff = Backoff::new(
        Duration::from_secs(1),
        period.clamp(Duration::from_secs(1), LONGEST),
    );
    loop {
        let looked = Instant::now();
        let run = tokio::select! {
            () = stop.cancelled() => {
                instance.release_lease().await;
                return;
            }
            run = instance.run_if_due(&work) => run,
        };
        let wait = match run {
            Ok(RunOutcome::Done) => {
                backoff.reset();
                // The next run is due a moment after the check.
                schedule.wait(context.clock.now(), looked.elapsed()) + MOMENT
            }
            Ok(RunOutcome::NotDue | RunOutcome::Lost) => period.min(CHECK_INTERVAL),
            Ok(RunOutcome::Failed) => backoff.next_wait(),
            Err(error) => {
                tracing::warn!(%error, job = name, "job lease not read");
                backoff.next_wait()
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            // Waits use the monotonic clock, so jumps of the wall clock do not affect them.
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Deletes old rows of the outbox, the inbox and the idempotency keys every hour, in one of all instances, until told
/// to stop.
pub async fn run_sweeps(context: &WorkerContext) {
    run_leased(context, "sweep", Duration::from_secs(60 * 60), || async {
        let swept = sweep(&context.database, context.clock.now()).await?;
        tracing::debug!(
            swept,
            domain = context.database.domain(),
            "old rows deleted"
        );
        Ok::<_, DbErr>(())
    })
    .await;
}

/// The outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunOutcome {
    Done,
    Failed,
    /// Another instance is running it, or it is not due.
    NotDue,
    /// Another instance took the lease; the work was interrupted.
    Lost,
}

#[derive(Debug, thiserror::Error)]
enum LeaseLost {
    #[error("another instance has its lease")]
    Taken,
    #[error("its lease could not be renewed in time: {0}")]
    Database(DbErr),
}

/// One of the instances that compete for a job.
struct Instance<'a> {
    context: &'a WorkerContext,
    name: &'a str,
    holder: String,
    schedule: Schedule,
    ttl: Duration,
}

impl<'a> Instance<'a> {
    fn new(context: &'a WorkerContext, name: &'a str, schedule: Schedule) -> Self {
        Self {
            context,
            name,
            holder: Uuid::now_v7().to_string(),
            schedule,
            ttl: TTL,
        }
    }

    /// Runs `work` if it is due and nobody else is running it.
    async fn run_if_due<F, E>(&self, work: impl Fn() -> F) -> Result<RunOutcome, DbErr>
    where
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let (db, name) = (self.context.database.write(), self.name);
        let began = self.lease_request();
        let is_due = lease::is_due(self.context.database.read(), began).await?;
        if !is_due || !lease::acquire(db, began).await? {
            return Ok(RunOutcome::NotDue);
        }
        let outcome = tokio::select! {
            outcome = work() => outcome,
            lost = self.hold_lease() => {
                tracing::warn!(job = name, reason = %lost, "job interrupted");
                count(name, "lost");
                return Ok(RunOutcome::Lost);
            }
        };
        match outcome {
            Ok(()) => {
                lease::release(db, self.lease_request(), Some(began.now)).await?;
                count(name, "done");
                Ok(RunOutcome::Done)
            }
            Err(error) => {
                lease::release(db, self.lease_request(), None).await?;
                tracing::warn!(%error, job = name, "job failed");
                count(name, "failed");
                Ok(RunOutcome::Failed)
            }
        }
    }

    /// Holds the lease while polled; returns when the lease is lost.
    async fn hold_lease(&self) -> LeaseLost {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.ttl / 3).await;
            match lease::renew(self.context.database.write(), self.lease_request()).await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) => return LeaseLost::Taken,
                // One renewal may fail. If all fail, another instance starts when the lease expires.
                Err(error) if renewed.elapsed() >= self.ttl * 2 / 3 => {
                    return LeaseLost::Database(error);
                }
                Err(error) => tracing::warn!(%error, job = self.name, "job lease not renewed"),
            }
        }
    }

    async fn release_lease(&self) {
        let released =
            lease::release(self.context.database.write(), self.lease_request(), None).await;
        if let Err(error) = released {
            tracing::debug!(%error, job = self.name, "job lease not released, it will expire");
        }
    }

    fn lease_request(&self) -> LeaseRequest<'_> {
        let now = self.context.clock.now();
        LeaseRequest {
            name: self.name,
            holder: &self.holder,
            now,
            ttl: TimeDelta::from_std(self.ttl).unwrap_or(TimeDelta::MAX),
            due_after: self.schedule.due_after(now),
            period: self.schedule.period(),
        }
    }
}

fn count(name: &str, outcome: &'static str) {
    counter!("vantage_job_runs_total", "job" => name.to_owned(), "outcome" => outcome).increment(1);
}
