//! Runs a domain's tasks as they become due. Any number of processes may do so.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
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
use crate::tables::queue::Queue;
use crate::tables::task;
use crate::workers::WorkerContext;

/// Tasks that this process runs concurrently, unless another number is given.
const AT_ONCE: usize = 8;

/// Runs one domain's tasks of the registered kinds.
#[derive(Clone)]
pub struct Runner {
    context: WorkerContext,
    kinds: BTreeMap<&'static str, Arc<dyn Kind>>,
    at_once: usize,
}

impl Runner {
    pub fn new(context: WorkerContext) -> Self {
        Self {
            context,
            kinds: BTreeMap::new(),
            at_once: AT_ONCE,
        }
    }

    /// Runs this many tasks concurrently.
    #[must_use]
    pub const fn at_once(mut self, tasks: usize) -> Self {
        self.at_once = tasks;
        self
    }

    /// Also runs tasks of this kind.
    #[must_use]
    pub fn register<T: Task>(mut self, state: T::State) -> Self {
        let kind = Registered::<T> { state };
        self.kinds.insert(T::KIND, Arc::new(kind));
        self
    }

    /// Runs due tasks until told to stop, then finishes those that are running.
    pub async fn run(self) {
        let context = self.context.clone();
        let mut queue = TaskQueue {
            runner: self,
            running: FuturesUnordered::new(),
        };
        queue::work_through(&context, Queue::Tasks, "tasks", &mut queue).await;
        while let Some(ended) = queue.running.next().await {
            queue.runner.note(ended);
        }
    }

    /// Runs everything due now, including tasks that become due as a result.
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

    /// Starts due tasks, as far as the concurrency limit allows.
    async fn start_due(&self, running: &mut FuturesUnordered<JoinHandle<()>>) -> Result<(), DbErr> {
        let limit = self.at_once.saturating_sub(running.len());
        if limit == 0 {
            return Ok(());
        }
        let (database, clock) = (&self.context.database, &self.context.clock);
        let kinds = self.kinds();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let due = task::due(database.read(), &kinds, clock.now(), delta(TTL), limit).await?;
        for row in due {
            if let Some(kind) = self.kinds.get(row.kind.as_str()) {
                // Track the started tasks even if claiming the next one fails.
                running.extend(kind.start(database, clock, row.key).await?);
            }
        }
        Ok(())
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
    }

    /// A task records its own failures, so an error here means that its runtime shut down.
    fn note(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            tracing::error!(%error, domain = self.domain(), "task interrupted");
        }
    }

    fn domain(&self) -> &str {
        self.context.database.domain()
    }
}

/// The runner's work loop, with its running tasks.
struct TaskQueue {
    runner: Runner,
    running: FuturesUnordered<JoinHandle<()>>,
}

#[async_trait]
impl QueueWorker for TaskQueue {
    async fn work(&mut self) -> Result<Round, DbErr> {
        let started = self.runner.start_due(&mut self.running).await;
        gauge!("vantage_tasks_running", "domain" => self.runner.domain().to_owned()).set(
            f64::from(u32::try_from(self.running.len()).unwrap_or(u32::MAX)),
        );
        started.map(|()| Round::Idle)
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, DbErr> {
        let db = self.runner.context.database.read();
        task::next_due(db, &self.runner.kinds()).await
    }

    /// A task has ended.
    async fn wake(&mut self) {
        match self.running.next().await {
            Some(ended) => self.runner.note(ended),
            None => pending().await,
        }
    }

    async fn measure(&self) {
        let db = self.runner.context.database.read();
        let (Ok(counts), Ok(dead)) = (task::count(db).await, task::count_dead(db).await) else {
            // The loop logs that the database is unavailable.
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

/// Runs tasks of one kind.
#[async_trait]
trait Kind: Send + Sync {
    /// Claims and starts the task, unless another process has claimed it.
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
            // The outcome is stored in the task's row.
            let _ = claimed.perform(&state).await;
        })))
    }
}
