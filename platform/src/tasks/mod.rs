//! Durable tasks: work that has to happen after a change, whatever is killed meanwhile, such as a refund to issue or
//! a label to buy.
//!
//! A task is a row, written by [`enqueue`] in the transaction of the change that causes it. A [`Runner`] performs what
//! is due. Whoever works on a task holds a claim that ends soon after its process does, so that what a killed one left
//! is taken up at once. A claim spares calls and no more: every task may be performed twice at a time, or be cut off
//! anywhere. What fails is tried again after a growing wait, is an alert when it keeps failing, and is given up
//! only when it can never succeed.

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
use uuid::Uuid;

use crate::tables::task;

pub use claimed::{Claimed, claim};
pub use error::TaskError;
pub use runner::Runner;

/// How long a claim holds that is not renewed.
const TTL: Duration = Duration::from_secs(2);

/// A kind of work. Its value is stored as JSON from the moment it is enqueued.
#[async_trait]
pub trait Task: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Never changes: tasks are stored under it. Unique in its domain.
    const KIND: &'static str;
    const RETRY: Retry = Retry::DEFAULT;
    /// What it works with.
    type State: Clone + Send + Sync + 'static;

    /// What it is about. There is one task of a kind for each.
    fn key(&self) -> Uuid;

    /// The public id of what it is about, for logs and operators.
    fn subject(&self) -> String;

    /// Does the work. `attempt` counts the failures before, since it last succeeded.
    async fn run(&self, state: &Self::State, attempt: u32) -> Result<Step, TaskError>;
}

/// How far a task came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Done,
    /// Nothing can be done before then.
    RetryAt(DateTime<Utc>),
}

/// How failures are followed.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The wait after the first failure; it doubles with each.
    pub first: Duration,
    pub longest: Duration,
    /// The longest wait while a third party does not answer: its circuit breaker protects it, and outages end.
    pub longest_in_outage: Duration,
    /// From so many failures in a row on, each is an alert.
    pub alert_after: u32,
    /// How long one attempt may take.
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

/// Has the task performed by `due_at`, in the transaction of the change that causes it. If one with its key is there, it
/// is performed then at the latest; one that is under way is performed once more, since it may not have seen
/// the change.
pub async fn enqueue<T: Task>(
    transaction: &impl ConnectionTrait,
    task: &T,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let new = task::NewTask {
        kind: T::KIND,
        key: task.key(),
        subject: task.subject(),
        data: serde_json::to_value(task).map_err(|error| DbErr::Json(error.to_string()))?,
        due_at,
    };
    task::enqueue(transaction, new, now).await
}

/// Tasks that failed or were given up, or all, the oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    all: bool,
    limit: u64,
) -> Result<Vec<task::Model>, DbErr> {
    task::list(db, all, limit).await
}

/// Has the task of this kind and subject, or all that failed or were given up, tried at once, and says how many there were.
pub async fn retry(
    db: &impl ConnectionTrait,
    which: Option<(&str, &str)>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    task::retry(db, which, now).await
}

/// Deletes a task that nobody is at work on, and says whether there was one.
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
