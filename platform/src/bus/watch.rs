//! Watches a shared bus, whose publishers and consumers all meet the same outage.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{BusError, EventBus};
use crate::supervisor::Supervisor;
use crate::watch::Watched;

/// How long a problem counts; whoever has it tries again sooner than that.
const RECENT: Duration = Duration::from_secs(6);

struct Bus(Arc<dyn EventBus>);

impl Watched for Bus {
    const PART: &str = "event bus";
    const GAUGE: Option<&'static str> = None;
    const INTERVAL: Duration = Duration::from_secs(2);

    async fn check(&mut self) -> Result<(), String> {
        self.0.check().await.map_err(|error| error.to_string())
    }

    fn log(problem: Option<&str>) {
        match problem {
            Some(error) => {
                tracing::warn!(error, "event bus not available, events wait in the outbox");
            }
            None => tracing::info!("event bus available again"),
        }
    }
}

/// Reports in `/readyz` and in the log when the bus stops working and when it works again, until told to stop.
pub async fn watch(bus: Arc<dyn EventBus>, supervisor: Supervisor, stop: CancellationToken) {
    crate::watch::watch(Bus(bus), supervisor, stop).await;
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
