//! The calls to third parties that returns wait for, each done until it has its effect.
//!
//! A task is a row, written with the change that wants it. Whoever works on it holds a claim that
//! ends soon after its process does, so that what a killed one left is taken up at once. A claim
//! spares calls and no more: every task may be done twice at a time, or be cut off anywhere.

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::returns::return_task::{self, Claim};
use futures::stream::{FuturesUnordered, StreamExt};
use metrics::{counter, gauge};
use platform::http::HttpError;
use platform::pubsub::Backoff;
use platform::stripe::StripeError;
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::easypost::EasypostError;
use crate::transitions::TransitionError;
use crate::{label_task, refund_supplement, refund_task, void_task};

/// How long a claim holds that is not renewed.
const TTL: Duration = Duration::from_secs(2);
/// How often tasks are looked for when nobody says that there is one.
const POLL: Duration = Duration::from_secs(1);
/// Tasks that this process works on at a time.
const AT_ONCE: usize = 8;
/// Waits after failures grow between these.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// While a third party does not answer: its circuit breaker protects it, and outages end.
const LONGEST_WAIT_IN_OUTAGE: Duration = Duration::from_secs(15);
/// From so many failures in a row on, each is an alert.
const ALARMING: i32 = 10;

/// What a return may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A label is bought and kept.
    Label,
    /// The label of a cancelled return is given back.
    Void,
    /// The money is given back, and stays there.
    Refund,
    /// Shipping that became due later is given back on its own.
    Supplement,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Label, Self::Void, Self::Refund, Self::Supplement];

    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Supplement => "supplement",
        }
    }

    fn parse(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == stored)
    }
}

/// How far a task came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    /// There is nothing to do before then.
    Rest(DateTime<Utc>),
}

/// Why a task has to be done again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    #[error("nobody has said where {0} is: set providers.{0}.url and key")]
    NoProvider(&'static str),
    /// Only for those who read it: the log and the task's row.
    #[error("the orders domain did not answer: {0}")]
    Orders(String),
    #[error(transparent)]
    Easypost(#[from] EasypostError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("the label could not be kept: {0}")]
    Objects(#[from] platform::objects::ObjectError),
    #[error(transparent)]
    Transition(#[from] TransitionError),
    #[error("the returns database failed: {0}")]
    Database(#[from] DbErr),
    #[error("{0}")]
    Refused(String),
}

impl TaskError {
    /// Whether a third party does not answer now, and will again without anybody's help.
    fn is_outage(&self) -> bool {
        match self {
            Self::Easypost(EasypostError::Http(error)) | Self::Stripe(StripeError::Http(error)) => {
                error.is_outage()
            }
            _ => false,
        }
    }

    /// When the third party wants to be asked again, if it said so.
    fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::Easypost(EasypostError::Http(HttpError::Unavailable { retry_in, .. }))
            | Self::Stripe(StripeError::Http(HttpError::Unavailable { retry_in, .. })) => *retry_in,
            _ => None,
        }
    }
}

/// A claim to a task of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed {
    return_id: Uuid,
    kind: Kind,
    by: Uuid,
}

impl Claimed {
    fn row(&self) -> Claim<'static> {
        Claim {
            return_id: self.return_id,
            kind: self.kind.as_str(),
            by: self.by,
        }
    }
}

/// Claims a task that is there and free, due or not.
pub(crate) async fn claim(
    state: &State,
    return_id: Uuid,
    kind: Kind,
) -> Result<Option<Claimed>, DbErr> {
    let by = Uuid::new_v4();
    let claimed = Claimed {
        return_id,
        kind,
        by,
    };
    let (db, now) = (state.database.write(), state.clock.now());
    let is_ours = return_task::claim(db, claimed.row(), now, delta(TTL)).await?;
    Ok(is_ours.then_some(claimed))
}

/// Works on a claimed task, and writes down how far it came.
pub(crate) async fn perform(state: &State, claimed: Claimed) -> Result<Step, TaskError> {
    let outcome = tokio::select! {
        outcome = work(state, claimed) => outcome,
        never = hold(state, claimed) => match never {},
    };
    let (db, kind) = (state.database.write(), claimed.kind.as_str());
    match &outcome {
        Ok(Step::Done) => {
            return_task::finish(db, claimed.row()).await?;
            count(kind, "done");
        }
        Ok(Step::Rest(until)) => {
            return_task::rest(db, claimed.row(), *until).await?;
            count(kind, "rest");
        }
        Err(error) => {
            postpone(state, claimed, error).await?;
            count(kind, "failed");
        }
    }
    outcome
}

async fn work(state: &State, claimed: Claimed) -> Result<Step, TaskError> {
    let id = claimed.return_id;
    match claimed.kind {
        Kind::Label => label_task::generate(state, id).await,
        Kind::Void => void_task::void(state, id).await,
        Kind::Refund => refund_task::refund(state, id).await,
        Kind::Supplement => refund_supplement::refund_shipping(state, id).await,
    }
}

/// Renews the claim for as long as it is polled; a claim that was lost does no harm.
async fn hold(state: &State, claimed: Claimed) -> Infallible {
    loop {
        tokio::time::sleep(TTL / 4).await;
        let until = state.clock.now() + delta(TTL);
        let renewed = return_task::renew(state.database.write(), claimed.row(), until).await;
        if let Err(error) = renewed {
            tracing::warn!(%error, kind = claimed.kind.as_str(), "a claim is not renewed");
        }
    }
}

async fn postpone(state: &State, claimed: Claimed, error: &TaskError) -> Result<(), DbErr> {
    let kind = claimed.kind.as_str();
    let task = return_task::find(state.database.read(), claimed.return_id, kind).await?;
    let attempts = task.map_or(0, |task| task.attempts);
    let longest = if error.is_outage() {
        LONGEST_WAIT_IN_OUTAGE
    } else {
        LONGEST_WAIT
    };
    let wait = Backoff::new(FIRST_WAIT, longest)
        .after(u32::try_from(attempts).unwrap_or(0))
        .next_wait()
        .max(error.retry_in().unwrap_or_default());
    let return_id = IdKind::Return.format(claimed.return_id);
    let attempt = attempts + 1;
    if attempts >= ALARMING {
        counter!("vantage_returns_alerts_total", "alert" => "task_keeps_failing").increment(1);
        tracing::error!(return_id, kind, attempt, %error, "return task keeps failing");
    } else {
        tracing::warn!(return_id, kind, attempt, %error, "return task failed");
    }
    let again = state.clock.now() + delta(wait);
    let told = error.to_string();
    return_task::fail(state.database.write(), claimed.row(), again, &told).await
}

/// Works on all tasks that are due, until told to stop. Any number of processes may do so.
pub(crate) async fn run(state: State, context: WorkerContext) {
    let stop = context.stop.clone();
    let mut commits = state.database.commits();
    let mut running = FuturesUnordered::new();
    loop {
        commits.mark_unchanged();
        match claim_due(&state, AT_ONCE.saturating_sub(running.len())).await {
            Ok(claimed) => {
                for claimed in claimed {
                    let state = state.clone();
                    // Its outcome is written where the next look finds it.
                    running.push(tokio::spawn(
                        async move { perform(&state, claimed).await.ok() },
                    ));
                }
            }
            Err(error) => tracing::warn!(%error, "the tasks of returns cannot be read"),
        }
        gauge!("vantage_returns_tasks_running")
            .set(f64::from(u32::try_from(running.len()).unwrap_or(u32::MAX)));
        let is_full = running.len() >= AT_ONCE;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = running.next() => {}
            // A channel that is closed says nothing anymore, which is no reason to hurry.
            Ok(()) = commits.changed(), if !is_full => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while running.next().await.is_some() {}
}

async fn claim_due(state: &State, limit: usize) -> Result<Vec<Claimed>, DbErr> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let (now, limit) = (state.clock.now(), u64::try_from(limit).unwrap_or(u64::MAX));
    let due = return_task::due(state.database.read(), now, delta(TTL), limit).await?;
    let mut all = Vec::with_capacity(due.len());
    for task in due {
        let Some(kind) = Kind::parse(&task.kind) else {
            continue;
        };
        all.extend(claim(state, task.return_id, kind).await?);
    }
    Ok(all)
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

fn count(kind: &'static str, outcome: &'static str) {
    counter!("vantage_returns_tasks_total", "kind" => kind, "outcome" => outcome).increment(1);
}
