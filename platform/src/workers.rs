//! What every background task of a domain works with, and what it is to the supervisor.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::bus::EventBus;
use crate::clock::Clock;
use crate::database::Database;

/// A domain's database, the bus, the time, and the end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WorkerContext {
    pub database: Database,
    pub bus: Arc<dyn EventBus>,
    pub clock: Clock,
    /// Cancelled when the process stops: workers finish what they are at, and return.
    pub stop: CancellationToken,
}

impl WorkerContext {
    /// For the workers over a domain's database. Their statements are counted apart from those of
    /// requests.
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

/// A background task of a domain: a name, and how to start it, again and again if need be.
pub struct Job {
    pub name: String,
    run: Box<dyn FnMut() -> BoxFuture<'static, ()> + Send>,
}

impl Job {
    /// `run` makes a future that ends when its context's stop token is cancelled, and not before.
    pub fn new<F>(name: impl Into<String>, mut run: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name: name.into(),
            run: Box::new(move || run().boxed()),
        }
    }

    /// A run from the start.
    pub fn run(&mut self) -> BoxFuture<'static, ()> {
        (self.run)()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.name).finish()
    }
}
