//! A task that this process has claimed.

use std::convert::Infallible;
use std::time::Duration;

use metrics::counter;
use rand::RngExt;
use sea_orm::DbErr;
use tracing::Span;
use uuid::Uuid;

use super::{Step, TTL, Task, TaskError, delta};
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::database::Database;
use crate::panics;
use crate::retry::describe;
use crate::tables::task::{self, Claim};
use crate::telemetry::traces;
use crate::telemetry::traces::messages::{self, Process};

/// Shortest wait before a task that met an open circuit breaker is retried.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// This process's claim on a task, renewed while the task runs.
#[derive(Debug)]
pub struct Claimed<T> {
    database: Database,
    clock: Clock,
    key: Uuid,
    by: Uuid,
    attempts: u32,
    /// It was not due yet: somebody asked for its result. Failing then leaves its schedule as it is, so that requests
    /// never put off the next attempt.
    is_early: bool,
    /// The span that enqueued it, if it was traced.
    traceparent: Option<String>,
    task: T,
}

/// Claims the task if it exists and is free, whether or not it is due.
pub async fn claim<T: Task>(
    database: &Database,
    clock: &Clock,
    key: Uuid,
) -> Result<Option<Claimed<T>>, DbErr> {
    let by = Uuid::new_v4();
    let claim = Claim {
        kind: T::KIND,
        key,
        by,
    };
    let now = clock.now();
    let Some(row) = task::claim(database.write(), claim, now, delta(TTL)).await? else {
        return Ok(None);
    };
    match serde_json::from_value(row.data) {
        Ok(task) => Ok(Some(Claimed {
            database: database.clone(),
            clock: clock.clone(),
            key,
            by,
            attempts: u32::try_from(row.attempts).unwrap_or(0),
            is_early: row.due_at > now,
            traceparent: row.traceparent,
            task,
        })),
        Err(error) => {
            let subject = row.subject;
            tracing::error!(kind = T::KIND, subject, %error, "task cannot be decoded, given up");
            let reason = format!("the task cannot be decoded: {error}");
            task::fail(database.write(), claim, None, &reason, now).await?;
            Ok(None)
        }
    }
}

impl<T: Task> Claimed<T> {
    fn row(&self) -> Claim<'static> {
        Claim {
            kind: T::KIND,
            key: self.key,
            by: self.by,
        }
    }

    /// Runs the task and records the outcome. A panic is a failure.
    pub async fn perform(self, state: &T::State) -> Result<Step, TaskError> {
        let span = self.span();
        let outcome = traces::run(span.clone(), self.run(state)).await;
        // A circuit breaker that is open is no failure of the task.
        if let Err(error) = &outcome
            && !matches!(error, TaskError::Suspended { .. })
        {
            traces::fail(&span, "task");
        }
        outcome
    }

    /// The run's span for traces: part of the request that waits for it, if one does, and linked to the one that enqueued
    /// the task.
    fn span(&self) -> Span {
        let Some(traceparent) = &self.traceparent else {
            return Span::none();
        };
        let message = Process {
            destination: T::KIND,
            id: self.task.subject(),
            consumer: None,
            event_type: None,
            attempts: Some(self.attempts),
        };
        messages::process(&Span::current(), traceparent, &message)
    }

    async fn run(&self, state: &T::State) -> Result<Step, TaskError> {
        let run = panics::catch(self.task.run(state, self.attempts));
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(T::RETRY.timeout, run) => match outcome {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(message)) => Err(TaskError::Failed(format!("it panicked: {message}"))),
                Err(_) => Err(TaskError::Failed(format!(
                    "it took longer than {:?}",
                    T::RETRY.timeout
                ))),
            },
            never = self.hold() => match never {},
        };
        if let Err(error) = self.record(&outcome).await {
            let subject = self.task.subject();
            tracing::warn!(kind = T::KIND, subject, %error, "task outcome not recorded");
        }
        outcome
    }

    /// Renews the claim while polled. Losing the claim is harmless.
    async fn hold(&self) -> Infallible {
        loop {
            tokio::time::sleep(TTL / 4).await;
            let until = self.clock.now() + delta(TTL);
            if let Err(error) = task::renew(self.database.write(), self.row(), until).await {
                tracing::warn!(kind = T::KIND, %error, "task claim not renewed");
            }
        }
    }

    async fn record(&self, outcome: &Result<Step, TaskError>) -> Result<(), DbErr> {
        let (db, now) = (self.database.write(), self.clock.now());
        let name = match outcome {
            Ok(Step::Done) => {
                task::finish(db, self.row()).await?;
                "done"
            }
            Ok(Step::RetryAt(at)) => {
                task::repeat(db, self.row(), *at).await?;
                "waiting"
            }
            Err(error) if self.is_early && !matches!(error, TaskError::Permanent(_)) => {
                let subject = self.task.subject();
                tracing::warn!(kind = T::KIND, subject, %error, "task failed before it was due");
                task::restore(db, self.row()).await?;
                "early"
            }
            Err(TaskError::Suspended { retry_in, .. }) => {
                let pause = (*retry_in).max(SHORTEST_PAUSE);
                let pause = pause.mul_f64(rand::rng().random_range(1.0..=1.25));
                task::release(db, self.row(), now + delta(pause)).await?;
                "suspended"
            }
            Err(error) => {
                self.fail(error).await?;
                "failed"
            }
        };
        let domain = self.database.domain().to_owned();
        counter!("vantage_tasks_total", "domain" => domain, "kind" => T::KIND, "outcome" => name)
            .increment(1);
        Ok(())
    }

    async fn fail(&self, error: &TaskError) -> Result<(), DbErr> {
        let (now, kind, subject) = (self.clock.now(), T::KIND, self.task.subject());
        let attempt = self.attempts + 1;
        let is_permanent = matches!(error, TaskError::Permanent(_));
        if is_permanent || attempt >= T::RETRY.alert_after {
            let domain = self.database.domain().to_owned();
            counter!("vantage_tasks_alerts_total", "domain" => domain, "kind" => kind).increment(1);
        }
        if is_permanent {
            tracing::error!(kind, subject, attempt, %error, "task given up");
        } else if attempt >= T::RETRY.alert_after {
            tracing::error!(kind, subject, attempt, %error, "task keeps failing");
        } else {
            tracing::warn!(kind, subject, attempt, %error, "task failed");
        }
        let again = (!is_permanent).then(|| now + delta(self.wait(error)));
        task::fail(
            self.database.write(),
            self.row(),
            again,
            &describe(error),
            now,
        )
        .await
    }

    fn wait(&self, error: &TaskError) -> Duration {
        let (longest, retry_in) = match error {
            TaskError::Outage { retry_in, .. } => (T::RETRY.longest_in_outage, *retry_in),
            _ => (T::RETRY.longest, None),
        };
        Backoff::new(T::RETRY.first, longest)
            .after(self.attempts)
            .next_wait()
            .max(retry_in.unwrap_or_default())
    }
}
