//! The loop of whoever works through a queue in a domain's database: the outbox, an inbox, the tasks.
//!
//! A commit in this process wakes it at once; what other processes wrote, it finds by looking. While the database or
//! the bus is away, it looks less and less often.

use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::DbErr;

use crate::backoff::Backoff;
use crate::workers::WorkerContext;

/// How often a queue is looked into without a commit in this process.
const POLL: Duration = Duration::from_secs(1);
/// How often the length of a queue is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// What a look into a queue came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Something was done, and there may be more.
    Worked,
    Idle,
    /// What it takes is away.
    Away,
}

/// Works through one queue.
#[async_trait]
pub(crate) trait QueueWorker: Send {
    /// Works on what is due.
    async fn work(&mut self) -> Result<Round, DbErr>;

    /// Ends when there is another reason than a commit to look. May be dropped at any time.
    async fn wake(&mut self) {
        pending().await
    }

    /// Shows the length of the queue in metrics.
    async fn measure(&self);
}

/// Works through the queue until the context's stop.
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
            tracing::warn!(%error, domain, queue, "queue cannot be read");
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
            // A channel that is closed says nothing anymore, which is no reason to hurry.
            Ok(()) = commits.changed(), if round == Round::Idle => {}
            () = worker.wake() => {}
            _ = measured.tick() => worker.measure().await,
        }
    }
}

/// Unlike the clock's, a wait of nothing takes no time.
async fn sleep(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}
