//! The background work of the domains in this process: what each tells and is told, and sweeps.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use platform::bus::{EventBus, InProcessBus, RedisBus};
use platform::clock::Clock;
use platform::database::Database;
use platform::inbox::{Deliverer, Receiver};
use platform::jobs;
use platform::outbox::Publisher;
use platform::workers::WorkerContext;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Configuration;
use crate::domains::{Domain, Domains};

/// How long workers may take to finish what they are at.
const PATIENCE: Duration = Duration::from_secs(10);

/// The workers of this process.
pub(crate) struct Workers {
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Events between domains: over Redis when there is one, else within the process.
fn bus(configuration: &Configuration) -> anyhow::Result<Arc<dyn EventBus>> {
    Ok(match &configuration.redis_url {
        Some(url) => Arc::new(RedisBus::new(url.expose()).context("redis_url")?),
        None => Arc::new(InProcessBus::new()),
    })
}

impl Workers {
    /// Starts the workers of the domains that are here. They stop with `stop`.
    pub(crate) fn start(
        domains: &Domains,
        configuration: &Configuration,
        clock: &Clock,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let bus = bus(configuration)?;
        let workers = Self {
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        };
        let contexts: Vec<_> = domains
            .work()
            .map(|(database, work)| (workers.context(database, &bus, clock), work))
            .collect();
        // All consumers first: what is published reaches those who have joined.
        for (context, work) in &contexts {
            for subscriber in &work.subscribers {
                let receiver = Receiver::join(context.clone(), subscriber)?;
                workers.tasks.spawn(receiver.run());
                let deliverer = Deliverer::new(context.clone(), subscriber.clone());
                workers.tasks.spawn(deliverer.run());
            }
        }
        let is_published = domains.len() == Domain::ALL.len() || bus.is_shared();
        if !is_published && !contexts.is_empty() {
            tracing::warn!(
                "events wait in the outbox: other domains run in other processes, and without \
                 redis_url nothing carries events there"
            );
        }
        for (context, work) in contexts {
            for job in (work.jobs)(&context) {
                workers.tasks.spawn(job);
            }
            if is_published {
                workers.tasks.spawn(Publisher::new(context.clone()).run());
            }
            workers
                .tasks
                .spawn(async move { jobs::run_sweeps(&context).await });
        }
        workers.tasks.close();
        Ok(workers)
    }

    fn context(
        &self,
        database: &Database,
        bus: &Arc<dyn EventBus>,
        clock: &Clock,
    ) -> WorkerContext {
        WorkerContext::new(database, bus.clone(), clock.clone(), self.stop.clone())
    }

    /// Waits until they have stopped. What one does not finish in time is done again after the
    /// next start, by whoever comes first.
    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        if tokio::time::timeout(PATIENCE, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("workers still ran after {PATIENCE:?} and were cut");
        }
    }
}
