//! Performs the tasks of a domain as they become due. Any number of processes may do so.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};
use metrics::gauge;
use sea_orm::DbErr;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{TTL, Task, claim, delta};
use crate::clock::Clock;
use crate::database::Database;
use crate::outbox::as_float;
use crate::queue::{self, QueueWorker, Round};
use crate::tables::task;
use crate::workers::WorkerContext;

/// Tasks that this process performs at a time.
const AT_ONCE: usize = 8;

/// Performs one domain's tasks, of the kinds that are registered.
#[derive(Clone)]
pub struct Runner {
    context: WorkerContext,
    kinds: BTreeMap<&'static str, Arc<dyn Kind>>,
}

impl Runner {
    pub fn new(context: WorkerContext) -> Self {
        Self {
            context,
            kinds: BTreeMap::new(),
        }
    }

    /// Performs tasks of this kind, too.
    #[must_use]
    pub fn register<T: Task>(mut self, state: T::State) -> Self {
        let kind = Registered::<T> { state };
        self.kinds.insert(T::KIND, Arc::new(kind));
        self
    }

    /// Performs what is due until told to stop, then finishes what is under way.
    pub async fn run(self) {
        let context = self.context.clone();
        let mut performing = Performing {
            runner: self,
            running: FuturesUnordered::new(),
        };
        queue::work_through(&context, "tasks", &mut performing).await;
        while let Some(ended) = performing.running.next().await {
            performing.runner.note(ended);
        }
    }

    /// Performs all that is due now, and what becomes due by that.
    pub async fn run_due(&self) -> Result<(), DbErr> {
        let mut running = FuturesUnordered::new();
        loop {
            let started = self.start_due(&mut running).await;
            if running.is_empty() {
                return started;
            }
            while let Some(ended) = running.next().await {
                self.note(ended);
            }
            started?;
        }
    }

    /// Starts what is due, as far as there is room beside what is running.
    async fn start_due(&self, running: &mut FuturesUnordered<JoinHandle<()>>) -> Result<(), DbErr> {
        let limit = AT_ONCE.saturating_sub(running.len());
        if limit == 0 {
            return Ok(());
        }
        let (database, clock) = (&self.context.database, &self.context.clock);
        let kinds: Vec<_> = self.kinds.keys().copied().collect();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let due = task::due(database.read(), &kinds, clock.now(), delta(TTL), limit).await?;
        for row in due {
            if let Some(kind) = self.kinds.get(row.kind.as_str()) {
                // What has started is known, whatever becomes of the next one's claim.
                running.extend(kind.start(database, clock, row.key).await?);
            }
        }
        Ok(())
    }

    /// A task records its own failures; what is left is that its runtime ends.
    fn note(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            tracing::error!(%error, domain = self.domain(), "task cut off");
        }
    }

    fn domain(&self) -> &str {
        self.context.database.domain()
    }
}

/// A runner at work, and the tasks that it performs.
struct Performing {
    runner: Runner,
    running: FuturesUnordered<JoinHandle<()>>,
}

#[async_trait]
impl QueueWorker for Performing {
    async fn work(&mut self) -> Result<Round, DbErr> {
        let started = self.runner.start_due(&mut self.running).await;
        gauge!("vantage_tasks_running", "domain" => self.runner.domain().to_owned()).set(
            f64::from(u32::try_from(self.running.len()).unwrap_or(u32::MAX)),
        );
        started.map(|()| Round::Idle)
    }

    /// The end of a task.
    async fn wake(&mut self) {
        match self.running.next().await {
            Some(ended) => self.runner.note(ended),
            None => pending().await,
        }
    }

    async fn measure(&self) {
        let db = self.runner.context.database.read();
        let (Ok(counts), Ok(dead)) = (task::count(db).await, task::count_dead(db).await) else {
            // The loop says that the database is away.
            return;
        };
        let domain = self.runner.domain().to_owned();
        for kind in self.runner.kinds.keys().copied() {
            let count = counts.iter().find(|(stored, _)| stored == kind);
            gauge!("vantage_tasks_waiting", "domain" => domain.clone(), "kind" => kind)
                .set(as_float(count.map_or(0, |(_, count)| *count)));
        }
        gauge!("vantage_tasks_dead_letters", "domain" => domain)
            .set(as_float(i64::try_from(dead).unwrap_or(i64::MAX)));
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("kinds", &self.kinds.keys())
            .finish_non_exhaustive()
    }
}

/// How tasks of one kind are performed.
#[async_trait]
trait Kind: Send + Sync {
    /// Begins with the task, if nobody else has.
    async fn start(
        &self,
        database: &Database,
        clock: &Clock,
        key: Uuid,
    ) -> Result<Option<JoinHandle<()>>, DbErr>;
}

struct Registered<T: Task> {
    state: T::State,
}

#[async_trait]
impl<T: Task> Kind for Registered<T> {
    async fn start(
        &self,
        database: &Database,
        clock: &Clock,
        key: Uuid,
    ) -> Result<Option<JoinHandle<()>>, DbErr> {
        let Some(claimed) = claim::<T>(database, clock, key).await? else {
            return Ok(None);
        };
        let state = self.state.clone();
        Ok(Some(tokio::spawn(async move {
            // Its outcome is written where the next look finds it.
            let _ = claimed.perform(&state).await;
        })))
    }
}
