//! Watches a shared bus, so that an outage is told once, by `/readyz` and in the log, and not by every publisher and
//! consumer that meets it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{BusError, EventBus};
use crate::supervisor::Supervisor;

/// How often the bus is checked.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long a problem counts; whoever has it tries again sooner than that.
const RECENT: Duration = Duration::from_secs(6);

/// Reports in `/readyz` and in the log when the bus stops working and when it works again, until told to stop.
pub async fn watch(bus: Arc<dyn EventBus>, supervisor: Supervisor, stop: CancellationToken) {
    let mut is_down = false;
    while !stop.is_cancelled() {
        let problem = bus.check().await.err().map(|error| error.to_string());
        match (&problem, is_down) {
            (Some(error), false) => {
                tracing::warn!(error, "event bus not available, events wait in the outbox");
            }
            (None, true) => tracing::info!("event bus available again"),
            _ => {}
        }
        is_down = problem.is_some();
        supervisor.set_degraded("event bus", problem);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// The last problem that a publisher or a consumer had with the bus.
#[derive(Debug, Default)]
pub(super) struct LastProblem(Mutex<Option<(Instant, BusError)>>);

impl LastProblem {
    /// Notes a problem that may pass.
    pub(super) fn note(&self, error: &BusError) {
        if matches!(error, BusError::Unavailable(_)) {
            *self.0.lock() = Some((Instant::now(), error.clone()));
        }
    }

    /// `Err` with a problem that was noted a moment ago.
    pub(super) fn recent(&self) -> Result<(), BusError> {
        match &*self.0.lock() {
            Some((at, error)) if at.elapsed() < RECENT => Err(error.clone()),
            _ => Ok(()),
        }
    }
}
