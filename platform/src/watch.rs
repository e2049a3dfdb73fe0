//! Watches servers that a process uses, so that an outage is told once, by `/readyz`, the log and a metric, and not by
//! everybody who meets it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::supervisor::Supervisor;

/// A server to watch.
pub(crate) trait Watched {
    /// The part that `/readyz` names.
    const PART: &str;
    /// 1 while it works, otherwise 0.
    const GAUGE: Option<&'static str>;
    /// How often it is checked.
    const INTERVAL: Duration;

    /// Returns the problem.
    fn check(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Logs that it has stopped working, with the problem, or that it works again.
    fn log(problem: Option<&str>);
}

/// Reports when the server stops working and when it works again, until told to stop.
pub(crate) async fn watch<W: Watched>(
    mut server: W,
    supervisor: Supervisor,
    stop: CancellationToken,
) {
    let mut is_down = false;
    while let Some(checked) = stop.run_until_cancelled(server.check()).await {
        let problem = checked.err();
        if problem.is_some() != is_down {
            W::log(problem.as_deref());
        }
        is_down = problem.is_some();
        if let Some(gauge) = W::GAUGE {
            metrics::gauge!(gauge).set(if is_down { 0.0 } else { 1.0 });
        }
        supervisor.set_degraded(W::PART, problem);
        let pause = tokio::time::sleep(W::INTERVAL);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}
