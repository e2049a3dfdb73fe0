//! The life of a serving process: what signals end it, what runs in the background, and what it says
//! about itself while it lives.

use std::future::Future;

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
    /// Cancelled by the first signal.
    pub(crate) stop: CancellationToken,
    metrics: Metrics,
}

impl Lifecycle {
    /// Waits for signals from here on.
    pub(crate) fn start(metrics: Metrics) -> anyhow::Result<Self> {
        let supervisor = Supervisor::new();
        metrics.keep_up(&supervisor);
        Ok(Self {
            supervisor,
            stop: stopped()?,
            metrics,
        })
    }

    /// `/healthz` (alive), `/readyz` (able to serve) and `/metrics`.
    pub(crate) fn routes<R: Ready>(&self, ready: R) -> Router {
        let readiness = Readiness {
            ready,
            supervisor: self.supervisor.clone(),
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
}

/// 503 when requests cannot be served. A background task that is down is named, and no reason to
/// send requests elsewhere: they are served, and what it does waits in the database until it is back.
async fn readyz<R: Ready>(State(readiness): State<Readiness<R>>) -> impl IntoResponse {
    let (status, mut text) = match readiness.ready.ready().await {
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

/// Resolves on the first SIGINT or SIGTERM. A second one ends the process at once.
pub(crate) fn stopped() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let stopped = CancellationToken::new();
    let stop = stopped.clone();
    // The one task without a supervisor, which ends before the signals do: it does nothing that can fail.
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                stop.cancel();
                tracing::info!("stopping: requests that run are finished first");
            } else {
                std::process::exit(130);
            }
        }
    });
    Ok(stopped)
}
