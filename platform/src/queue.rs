//! The work loop over a queue in a domain's database: the outbox, an inbox, the tasks.
//!
//! It waits for a reason to look: rows that this process or, as far as it is told, another one has written, and the time
//! at which a waiting row is due. What another process has begun and left, because it died, is found by a slow poll.
//! While the database or the bus is unavailable, it looks less and less often.

use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::tables::queue::Queue;
use crate::workers::WorkerContext;

#[cfg(test)]
mod tests;

/// How often a queue is polled without a reason.
const POLL: Duration = Duration::from_secs(10);
/// How often it is polled while another process holds what is due.
const HELD: Duration = Duration::from_secs(1);
/// How often the length of a queue with work is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// How often that of a queue is in which nothing is due sooner. Only operators change it meanwhile.
const MEASURE_IDLE: Duration = Duration::from_secs(60);

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

    /// When the first of the waiting rows is due, or free again if it is held. Past times mean that another process
    /// holds it.
    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, DbErr>;

    /// Returns when there is another reason to look at the queue. May be dropped at any time.
    async fn wake(&mut self) {
        pending().await
    }

    /// Reports the queue's length in metrics.
    async fn measure(&self);
}

/// Works through the queue until shutdown. `name` is for logs.
pub(crate) async fn work_through(
    context: &WorkerContext,
    queue: Queue,
    name: &str,
    worker: &mut impl QueueWorker,
) {
    let mut arrivals = context.database.arrivals(queue);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut measurement = Measurement::new();
    while !context.stop.is_cancelled() {
        arrivals.mark_unchanged();
        let (round, due) = look(worker).await.unwrap_or_else(|error| {
            let domain = context.database.domain();
            tracing::warn!(%error, domain, queue = name, "queue not read");
            (Round::Away, None)
        });
        let now = context.clock.now();
        let has_work = round != Round::Idle || due.is_some_and(|due| due <= now + MEASURE_IDLE);
        measurement.has_work |= has_work;
        if measurement.is_due() {
            worker.measure().await;
            measurement.measured(has_work);
        }
        if round == Round::Worked {
            backoff.reset();
            // Others run in between, even if nothing of this had to wait.
            tokio::task::yield_now().await;
            continue;
        }
        let is_held = due.is_some_and(|due| due <= now);
        let wait = match round {
            Round::Away => backoff.next_wait(),
            _ if is_held => HELD,
            _ => POLL,
        };
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            () = until(&context.clock, due.filter(|_| !is_held)) => {}
            // A closed channel says nothing more, which is no reason to spin.
            Ok(()) = arrivals.changed(), if round == Round::Idle => measurement.has_work = true,
            () = worker.wake() => {}
            () = sleep_until(measurement.due_at()) => {}
        }
    }
}

/// Works on what is due. If there is nothing, returns when there will be.
async fn look(worker: &mut impl QueueWorker) -> Result<(Round, Option<DateTime<Utc>>), DbErr> {
    let round = worker.work().await?;
    let due = match round {
        Round::Idle => worker.next_due().await?,
        Round::Worked | Round::Away => None,
    };
    Ok((round, due))
}

async fn until(clock: &Clock, time: Option<DateTime<Utc>>) {
    match time {
        Some(time) => clock.wait_until(time).await,
        None => pending().await,
    }
}

/// When the queue's length is measured.
struct Measurement {
    /// `None` before the first.
    last: Option<Instant>,
    /// Whether the length may have changed since.
    has_work: bool,
}

impl Measurement {
    const fn new() -> Self {
        Self {
            last: None,
            has_work: true,
        }
    }

    fn due_at(&self) -> Instant {
        let interval = match self.has_work {
            true => MEASURE,
            false => MEASURE_IDLE,
        };
        self.last.map_or_else(Instant::now, |last| last + interval)
    }

    fn is_due(&self) -> bool {
        self.due_at() <= Instant::now()
    }

    /// `has_work` if the length is about to change again.
    fn measured(&mut self, has_work: bool) {
        *self = Self {
            last: Some(Instant::now()),
            has_work,
        };
    }
}
