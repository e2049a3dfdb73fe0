//! Watches a store of objects, so that an outage or a wrong key is seen before an object is needed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Objects;
use crate::supervisor::Supervisor;

/// How often the store is checked.
const INTERVAL: Duration = Duration::from_secs(30);

/// The part that `/readyz` names.
const PART: &str = "object store";

/// Reports in `/readyz`, in the log and in a metric when the store stops working and when it works again, until told to
/// stop.
pub async fn watch(objects: Arc<dyn Objects>, supervisor: Supervisor, stop: CancellationToken) {
    let mut is_down = false;
    while !stop.is_cancelled() {
        let Some(checked) = stop.run_until_cancelled(objects.check()).await else {
            return;
        };
        let problem = checked.err().map(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            match source {
                Some(source) => format!("{error}: {}", crate::http::redact(&source)),
                None => error.to_string(),
            }
        });
        match (&problem, is_down) {
            (Some(error), false) => {
                tracing::error!(
                    error,
                    "object store not available, labels are not stored or served"
                );
            }
            (None, true) => tracing::info!("object store available again"),
            _ => {}
        }
        is_down = problem.is_some();
        metrics::gauge!("vantage_object_store_up").set(if is_down { 0.0 } else { 1.0 });
        supervisor.set_degraded(PART, problem);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}
