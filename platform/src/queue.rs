//! The work loop over a queue in a domain's database: the outbox, an inbox, the tasks.
//!
//! A commit in this process wakes it at once; rows written by other processes are found by polling. While the database
//! or the bus is unavailable, it polls less and less often.

use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::DbErr;

use crate::backoff::Backoff;
use crate::workers::WorkerContext;

/// How often a queue is polled without a commit in this process.
const POLL: Duration = Duration::from_secs(1);
/// How often a queue's length is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// The outcome of one pass over a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Some work was done, and there may be more.
    Worked,
    Idle,
    /// Something it depends on is unavailable.
    Away,
}

/// Works through one queue.
#[async_trait]
pub(crate) trait QueueWorker: Send {
    /// Works on what is due.
    async fn work(&mut self) -> Result<Round, DbErr>;

    /// Returns when there is a reason other than a commit to check the queue. May be dropped at any time.
    async fn wake(&mut self) {
        pending().await
    }

    /// Reports the queue's length in metrics.
    async fn measure(&self);
}

/// Works through the queue until shutdown.
pub(crate) async fn work_through(
    context: &WorkerContext,
    queue: &str,
    worker: &mut impl QueueWorker,
) {
    let mut commits = context.database.commits();
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut measured = tokio::time::interval(MEASURE);
    while !context.stop.is_cancelled() {
        commits.mark_unchanged();
        let round = worker.work().await.unwrap_or_else(|error| {
            let domain = context.database.domain();
            tracing::warn!(%error, domain, queue, "queue not read");
            Round::Away
        });
        let wait = match round {
            Round::Worked => Duration::ZERO,
            Round::Idle => POLL,
            Round::Away => backoff.next_wait(),
        };
        if round == Round::Worked {
            backoff.reset();
        }
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = sleep(wait) => {}
            // A closed channel says nothing more, which is no reason to spin.
            Ok(()) = commits.changed(), if round == Round::Idle => {}
            () = worker.wake() => {}
            _ = measured.tick() => worker.measure().await,
        }
    }
}

/// Unlike tokio's, a zero sleep takes no time.
async fn sleep(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}
