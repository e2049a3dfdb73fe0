//! What every background task of a domain works with.

use std::sync::Arc;

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
