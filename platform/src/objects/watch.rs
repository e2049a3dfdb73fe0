//! Watches a store of objects, so that an outage or a wrong key is seen before an object is needed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Objects;
use crate::supervisor::Supervisor;
use crate::watch::Watched;

struct Store(Arc<dyn Objects>);

impl Watched for Store {
    const PART: &str = "object store";
    const GAUGE: Option<&'static str> = Some("vantage_object_store_up");
    const INTERVAL: Duration = Duration::from_secs(30);

    async fn check(&mut self) -> Result<(), String> {
        let checked = self.0.check().await;
        checked.map_err(|error| match error.source() {
            Some(source) => format!("{error}: {}", crate::http::redact(&source.to_string())),
            None => error.to_string(),
        })
    }

    fn log(problem: Option<&str>) {
        match problem {
            Some(error) => tracing::error!(
                error,
                "object store not available, labels are not stored or served"
            ),
            None => tracing::info!("object store available again"),
        }
    }
}

/// Reports in `/readyz`, in the log and in a metric when the store stops working and when it works again, until told to
/// stop.
pub async fn watch(objects: Arc<dyn Objects>, supervisor: Supervisor, stop: CancellationToken) {
    crate::watch::watch(Store(objects), supervisor, stop).await;
}
