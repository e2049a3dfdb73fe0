//! Durable tasks: work that must happen after a change, even if processes are killed, such as issuing a refund or
//! buying a label.
//!
//! A task is a row, written by [`enqueue`] in the transaction of the change that causes it. A [`Runner`] runs the tasks
//! that are due. Whoever runs a task holds a claim that expires soon after its process dies, so that another process
//! takes over at once. Claims only avoid duplicate calls: every task must tolerate running twice at once and being
//! interrupted anywhere. Failures are retried with backoff, raise an alert when they persist, and are given up only
//! when the task can never succeed.

mod claimed;
mod error;
mod runner;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::tables::task;
use crate::telemetry::traces::{self, messages};

pub use claimed::{Claimed, claim};
pub use error::TaskError;
pub use runner::Runner;

/// How long a claim holds without renewal.
const TTL: Duration = Duration::from_secs(2);

/// A kind of work. Its value is stored as JSON once enqueued.
#[async_trait]
pub trait Task: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Stored with the task, so it must never change. Unique within the domain.
    const KIND: &'static str;
    const RETRY: Retry = Retry::DEFAULT;
    /// The dependencies it runs with.
    type State: Clone + Send + Sync + 'static;

    /// The task's subject. Each kind has at most one task per key.
    fn key(&self) -> Uuid;

    /// The public id of what it is about, for logs and operators.
    fn subject(&self) -> String;

    /// Does the work. `attempt` counts the failures since the last success.
    async fn run(&self, state: &Self::State, attempt: u32) -> Result<Step, TaskError>;
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Done,
    /// Nothing can be done before then.
    RetryAt(DateTime<Utc>),
}

/// How failures are retried.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The wait after the first failure; doubles with each further one.
    pub first: Duration,
    pub longest: Duration,
    /// The longest wait during a third party's outage: its circuit breaker protects it, so frequent retries are cheap.
    pub longest_in_outage: Duration,
    /// From this many consecutive failures on, each raises an alert.
    pub alert_after: u32,
    /// Time limit for one run.
    pub timeout: Duration,
}

impl Retry {
    pub const DEFAULT: Self = Self {
        first: Duration::from_millis(250),
        longest: Duration::from_secs(300),
        longest_in_outage: Duration::from_secs(15),
        alert_after: 10,
        timeout: Duration::from_secs(120),
    };
}

/// Enqueues the task in the transaction of the change that causes it, to run by `due_at`. An existing task with this
/// key runs by then at the latest; one that is running runs once more, since it may not have seen the change.
pub async fn enqueue<T: Task>(
    transaction: &impl ConnectionTrait,
    task: &T,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let span = messages::create(T::KIND, None);
    let new = new_task(task, due_at, &span)?;
    let enqueued = task::enqueue(transaction, new, now);
    enqueued.instrument(span).await
}

/// Like [`enqueue`], for a request that waits for the outcome: an existing task keeps its schedule, so that repeated
/// requests do not defeat its backoff, and one that was given up gets another try.
pub async fn ensure<T: Task>(
    transaction: &impl ConnectionTrait,
    task: &T,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let span = messages::create(T::KIND, None);
    let new = new_task(task, now, &span)?;
    task::ensure(transaction, new, now).instrument(span).await
}

fn new_task<T: Task>(
    task: &T,
    due_at: DateTime<Utc>,
    span: &Span,
) -> Result<task::NewTask<'static>, DbErr> {
    Ok(task::NewTask {
        kind: T::KIND,
        key: task.key(),
        subject: task.subject(),
        data: serde_json::to_value(task).map_err(|error| DbErr::Json(error.to_string()))?,
        due_at,
        traceparent: traces::traceparent(span),
    })
}

/// Failed and given-up tasks, or all tasks, oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    all: bool,
    limit: u64,
) -> Result<Vec<task::Model>, DbErr> {
    task::list(db, all, limit).await
}

/// Retries at once the task of this kind and subject, or all failed and given-up tasks. Returns how many.
pub async fn retry(
    db: &impl ConnectionTrait,
    which: Option<(&str, &str)>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    task::retry(db, which, now).await
}

/// Deletes a task that is not running, and returns whether there was one.
pub async fn discard(
    db: &impl ConnectionTrait,
    kind: &str,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    task::discard(db, kind, subject, now, delta(TTL)).await
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
