//! The life of a serving process: what signals end it, what runs in the background, and what it says
//! about itself while it lives.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use platform::supervisor::Supervisor;
use platform::telemetry::Metrics;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::workers::SHUTDOWN_PATIENCE;

/// Whether a process can serve at the moment.
pub(crate) trait Ready: Clone + Send + Sync + 'static {
    /// `Err` with what is missing.
    fn ready(&self) -> impl Future<Output = Result<(), String>> + Send;
}

/// What every serving process has.
pub(crate) struct Lifecycle {
    pub(crate) supervisor: Supervisor,
    pub(crate) shutdown: Shutdown,
    metrics: Metrics,
}

/// The end of a process, in two steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    /// The process was told to stop: it is not ready any more, and serves whatever still comes.
    pub(crate) announced: CancellationToken,
    /// It accepts no more connections, and finishes what runs.
    pub(crate) begun: CancellationToken,
}

impl Lifecycle {
    /// Waits for signals from here on. After SIGTERM, `drain_delay` passes before connections are
    /// refused.
    pub(crate) fn start(metrics: Metrics, drain_delay: Duration) -> anyhow::Result<Self> {
        let supervisor = Supervisor::new();
        metrics.keep_up(&supervisor);
        Ok(Self {
            supervisor,
            shutdown: shutdown_on_signal(drain_delay)?,
            metrics,
        })
    }

    /// `/healthz` (alive), `/readyz` (able to serve) and `/metrics`.
    pub(crate) fn routes<R: Ready>(&self, ready: R) -> Router {
        let readiness = Readiness {
            ready,
            supervisor: self.supervisor.clone(),
            stopping: self.shutdown.announced.clone(),
        };
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz::<R>))
            .with_state(readiness)
            .route(
                "/metrics",
                get(|State(metrics): State<Metrics>| async move {
                    (
                        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
                        metrics.render(),
                    )
                })
                .with_state(self.metrics.clone()),
            )
    }

    /// Ends the background tasks, in order.
    pub(crate) async fn end(self) {
        self.supervisor.shutdown(SHUTDOWN_PATIENCE).await;
    }
}

#[derive(Clone)]
struct Readiness<R> {
    ready: R,
    supervisor: Supervisor,
    stopping: CancellationToken,
}

impl<R: Ready> Readiness<R> {
    async fn ready(&self) -> Result<(), String> {
        if self.stopping.is_cancelled() {
            return Err("the process is stopping".to_owned());
        }
        self.ready.ready().await
    }
}

/// 503 when requests cannot be served. A background task that is down is named, and no reason to
/// send requests elsewhere: they are served, and what it does waits in the database until it is back.
async fn readyz<R: Ready>(State(readiness): State<Readiness<R>>) -> impl IntoResponse {
    let (status, mut text) = match readiness.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {missing}\n"),
        ),
    };
    for worker in readiness.supervisor.down() {
        text.push_str(&format!("degraded: {worker}\n"));
    }
    (status, text)
}

/// Begins to shut down on the first SIGINT or SIGTERM: at once on SIGINT, which a person sends, and
/// after `delay` on SIGTERM, which an orchestrator sends while load balancers still send requests.
/// A second signal ends the process at once.
pub(crate) fn shutdown_on_signal(delay: Duration) -> anyhow::Result<Shutdown> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let shutdown = Shutdown::default();
    let Shutdown { announced, begun } = shutdown.clone();
    // The one task without a supervisor, because it outlives that: it does nothing that can fail.
    tokio::spawn(async move {
        let delay = tokio::select! {
            _ = interrupt.recv() => Duration::ZERO,
            _ = terminate.recv() => delay,
        };
        announced.cancel();
        tracing::info!(
            ?delay,
            "stopping: not ready any more; connections are refused after the delay"
        );
        let begin = async {
            tokio::time::sleep(delay).await;
            begun.cancel();
            tracing::info!("stopping: requests that run are finished first");
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = begin => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(shutdown)
}
