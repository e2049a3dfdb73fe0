//! Runs a process's background tasks. Each has a name, is restarted when it panics or returns, is shown in metrics and
//! in `/readyz`, and is stopped in order.

#[cfg(debug_assertions)]
mod faults;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::panics;

/// Wait before a failed task is restarted.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A task that ran for this long has recovered: its next failure counts as the first.
const RECOVERED: Duration = Duration::from_secs(60);

/// When a task is stopped: each stage is told to stop only after the tasks of the earlier ones have ended or timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Changes rows and writes events: jobs, sweeps, inbox handlers.
    Work,
    /// Publishes events.
    Publish,
    /// Receives events.
    Receive,
    /// Used by all others: pub/sub connections, key sets, flags, metrics.
    Support,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Work, Self::Publish, Self::Receive, Self::Support];
}

/// A task's current status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    pub name: Arc<str>,
    /// Whether it is running; otherwise it waits to be restarted.
    pub is_up: bool,
    pub restarts: u64,
    /// Why it was last restarted.
    pub last_failure: Option<String>,
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_up { "up" } else { "down" };
        write!(
            f,
            "worker {} is {state}, restarts={}",
            self.name, self.restarts
        )?;
        match &self.last_failure {
            Some(failure) => write!(f, ", last failure: {failure}"),
            None => Ok(()),
        }
    }
}

/// A process's background tasks. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    workers: Mutex<BTreeMap<Arc<str>, WorkerStatus>>,
    /// Why each degraded part works less well, by its name.
    degraded: Mutex<BTreeMap<&'static str, String>>,
    stages: [StageTasks; Stage::ALL.len()],
}

#[derive(Debug, Default)]
struct StageTasks {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Supervisor {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when this stage is stopped: its tasks finish their current work and return.
    pub fn stop_token(&self, stage: Stage) -> CancellationToken {
        self.0.stages[stage as usize].stop.clone()
    }

    /// Starts a task. `run` is called with the stage's stop token to create the future: once at first, and again
    /// whenever the future panicked or returned before the token was cancelled. A name already in use gets a number.
    /// Aborting the returned handle removes the task. Needs a tokio runtime.
    pub fn start<F>(
        &self,
        stage: Stage,
        name: impl Into<String>,
        run: impl FnMut(CancellationToken) -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let worker = Worker::register(&self.0, name.into());
        let StageTasks { tasks, stop } = &self.0.stages[stage as usize];
        tasks.spawn(worker.supervise(run, stop.clone()))
    }

    /// The status of every task, by name.
    pub fn statuses(&self) -> Vec<WorkerStatus> {
        self.0.workers().values().cloned().collect()
    }

    /// The tasks that are not running.
    pub fn down(&self) -> Vec<WorkerStatus> {
        let workers = self.0.workers();
        workers.values().filter(|w| !w.is_up).cloned().collect()
    }

    /// Makes `/readyz` report a part as degraded, and why; `None` clears it.
    pub fn set_degraded(&self, part: &'static str, reason: Option<String>) {
        let mut degraded = self.0.degraded.lock();
        match reason {
            Some(reason) => degraded.insert(part, reason),
            None => degraded.remove(part),
        };
    }

    /// Everything degraded, one line each: tasks that are not running, and degraded parts.
    pub fn degraded(&self) -> Vec<String> {
        let down = self.down().into_iter().map(|worker| worker.to_string());
        let degraded = self.0.degraded.lock();
        let degraded = degraded
            .iter()
            .map(|(part, reason)| format!("{part}: {reason}"));
        down.chain(degraded).collect()
    }

    /// Stops the tasks stage by stage and waits until they have ended, for at most `patience` in total. Work that is
    /// interrupted is repeated after the next start.
    pub async fn shutdown(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for stage in Stage::ALL {
            let StageTasks { tasks, stop } = &self.0.stages[stage as usize];
            stop.cancel();
            tasks.close();
            if tokio::time::timeout_at(deadline, tasks.wait())
                .await
                .is_err()
            {
                let left: Vec<_> = self.0.workers().keys().cloned().collect();
                tracing::warn!(
                    ?stage,
                    ?left,
                    "background tasks did not stop within {patience:?}"
                );
            }
        }
    }
}

impl Inner {
    fn workers(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, WorkerStatus>> {
        // Every update leaves the map consistent.
        self.workers.lock()
    }
}

/// A registered task; dropping it unregisters it.
struct Worker {
    inner: Arc<Inner>,
    name: Arc<str>,
}

impl Worker {
    fn register(inner: &Arc<Inner>, name: String) -> Self {
        let mut workers = inner.workers();
        let mut unique: Arc<str> = name.as_str().into();
        let mut number = 1;
        while workers.contains_key(&unique) {
            number += 1;
            unique = format!("{name}-{number}").into();
        }
        let status = WorkerStatus {
            name: unique.clone(),
            is_up: true,
            restarts: 0,
            last_failure: None,
        };
        workers.insert(unique.clone(), status);
        drop(workers);
        let worker = Self {
            inner: inner.clone(),
            name: unique,
        };
        worker.report_up(true);
        // Create the counter before the first restart, so that an increase is visible.
        worker.count_restarts(0);
        worker
    }

    async fn supervise<F>(
        self,
        mut run: impl FnMut(CancellationToken) -> F + Send + 'static,
        stop: CancellationToken,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        while !stop.is_cancelled() {
            let started = Instant::now();
            let failure = match self.run_once(&mut run, &stop).await {
                _ if stop.is_cancelled() => return,
                Ok(()) => "it ended".to_owned(),
                Err(message) => format!("it panicked: {message}"),
            };
            if started.elapsed() >= RECOVERED {
                backoff.reset();
            }
            let wait = backoff.next_wait();
            tracing::error!(worker = %self.name, error = failure, ?wait, "background task failed, restarting it");
            self.failed(failure);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => self.restarted(),
            }
        }
    }

    /// Runs until the task returns or panics; a panic while creating its future counts too.
    async fn run_once<F>(
        &self,
        run: &mut (impl FnMut(CancellationToken) -> F + Send),
        stop: &CancellationToken,
    ) -> Result<(), String>
    where
        F: Future<Output = ()> + Send,
    {
        panics::catch(async {
            let work = run(stop.clone());
            #[cfg(debug_assertions)]
            let work = faults::inject(&self.name, work);
            work.await;
        })
        .await
    }

    fn failed(&self, failure: String) {
        self.update(|status| {
            status.is_up = false;
            status.last_failure = Some(failure);
        });
        self.report_up(false);
    }

    fn restarted(&self) {
        self.update(|status| {
            status.is_up = true;
            status.restarts += 1;
        });
        self.report_up(true);
        self.count_restarts(1);
    }

    fn update(&self, change: impl FnOnce(&mut WorkerStatus)) {
        if let Some(status) = self.inner.workers().get_mut(&self.name) {
            change(status);
        }
    }

    fn report_up(&self, is_up: bool) {
        gauge!("vantage_worker_up", "worker" => self.name.to_string()).set(f64::from(is_up));
    }

    fn count_restarts(&self, count: u64) {
        counter!("vantage_worker_restarts_total", "worker" => self.name.to_string())
            .increment(count);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inner.workers().remove(&self.name);
        self.report_up(false);
    }
}
