//! Performs the tasks of a domain as they become due. Any number of processes may do so.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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
use crate::tables::task;
use crate::workers::WorkerContext;

/// How often tasks are looked for when nobody says that there is one.
const POLL: Duration = Duration::from_secs(1);
/// Tasks that this process performs at a time.
const AT_ONCE: usize = 8;
/// How often the length of the queue is measured.
const MEASURE: Duration = Duration::from_secs(5);

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
        let stop = self.context.stop.clone();
        let mut commits = self.context.database.commits();
        let mut running = FuturesUnordered::new();
        let mut measured = tokio::time::interval(MEASURE);
        loop {
            commits.mark_unchanged();
            match self.start_due(AT_ONCE.saturating_sub(running.len())).await {
                Ok(started) => running.extend(started),
                Err(error) => {
                    tracing::warn!(%error, domain = self.domain(), "tasks cannot be read");
                }
            }
            gauge!("vantage_tasks_running", "domain" => self.domain().to_owned())
                .set(f64::from(u32::try_from(running.len()).unwrap_or(u32::MAX)));
            let is_full = running.len() >= AT_ONCE;
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = running.next() => self.note(ended),
                // A channel that is closed says nothing anymore, which is no reason to hurry.
                Ok(()) = commits.changed(), if !is_full => {}
                _ = measured.tick() => self.measure().await,
                () = tokio::time::sleep(POLL) => {}
            }
        }
        while let Some(ended) = running.next().await {
            self.note(ended);
        }
    }

    /// Performs all that is due now, and what becomes due by that.
    pub async fn run_due(&self) -> Result<(), DbErr> {
        loop {
            let started = self.start_due(AT_ONCE).await?;
            if started.is_empty() {
                return Ok(());
            }
            for ended in futures::future::join_all(started).await {
                self.note(ended);
            }
        }
    }

    async fn start_due(&self, limit: usize) -> Result<Vec<JoinHandle<()>>, DbErr> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (database, clock) = (&self.context.database, &self.context.clock);
        let kinds: Vec<_> = self.kinds.keys().copied().collect();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let due = task::due(database.read(), &kinds, clock.now(), delta(TTL), limit).await?;
        let mut started = Vec::with_capacity(due.len());
        for row in due {
            if let Some(kind) = self.kinds.get(row.kind.as_str()) {
                started.extend(kind.start(database, clock, row.key).await?);
            }
        }
        Ok(started)
    }

    /// A task records its own failures; what is left is that its runtime ends.
    fn note(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            tracing::error!(%error, domain = self.domain(), "task cut off");
        }
    }

    async fn measure(&self) {
        let db = self.context.database.read();
        let (Ok(counts), Ok(dead)) = (task::count(db).await, task::count_dead(db).await) else {
            // The loop says that the database is away.
            return;
        };
        let domain = self.domain().to_owned();
        for kind in self.kinds.keys().copied() {
            let count = counts.iter().find(|(stored, _)| stored == kind);
            gauge!("vantage_tasks_waiting", "domain" => domain.clone(), "kind" => kind)
                .set(as_float(count.map_or(0, |(_, count)| *count)));
        }
        gauge!("vantage_tasks_dead_letters", "domain" => domain)
            .set(as_float(i64::try_from(dead).unwrap_or(i64::MAX)));
    }

    fn domain(&self) -> &str {
        self.context.database.domain()
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
