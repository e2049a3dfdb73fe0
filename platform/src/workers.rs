//! Resources of a domain's background workers, and how the supervisor starts them.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::bus::EventBus;
use crate::clock::Clock;
use crate::database::Database;

/// A domain's database, the bus, the clock and the stop token. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WorkerContext {
    pub database: Database,
    pub bus: Arc<dyn EventBus>,
    pub clock: Clock,
    /// Cancelled when the process stops: workers finish their current work and return.
    pub stop: CancellationToken,
}

impl WorkerContext {
    /// For workers over a domain's database. Their statements are counted separately from those of requests.
    pub fn new(
        database: &Database,
        bus: Arc<dyn EventBus>,
        clock: Clock,
        stop: CancellationToken,
    ) -> Self {
        Self {
            database: database.for_workers(),
            bus,
            clock,
            stop,
        }
    }
}

/// A domain's background task: a name, and how to start it, repeatedly if needed.
pub struct Job {
    pub name: String,
    run: Box<dyn FnMut() -> BoxFuture<'static, ()> + Send>,
}

impl Job {
    /// `run` creates a future that ends only when its context's stop token is cancelled.
    pub fn new<F>(name: impl Into<String>, mut run: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name: name.into(),
            run: Box::new(move || run().boxed()),
        }
    }

    /// Starts a new run.
    pub fn run(&mut self) -> BoxFuture<'static, ()> {
        (self.run)()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.name).finish()
    }
}
