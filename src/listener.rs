//! Listening for HTTP until told to stop: bind with a clear refusal, serve, drain.

use std::future::Future;
use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use platform::telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Binds the address; port 0 takes a free one.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is in use: stop what listens there, or choose another with --listen"
        ),
        std::io::ErrorKind::PermissionDenied => anyhow::anyhow!(
            "{address} may not be used by this user: choose a port above 1023 with --listen"
        ),
        _ => anyhow::Error::new(error)
            .context(format!("cannot listen on {address}; choose another with --listen")),
    })
}

/// Whether a process can serve at the moment.
pub(crate) trait Ready: Clone + Send + Sync + 'static {
    /// `Err` with what is missing.
    fn ready(&self) -> impl Future<Output = Result<(), String>> + Send;
}

/// `/healthz` (alive), `/readyz` (able to serve) and `/metrics`.
pub(crate) fn operations(metrics: Metrics, ready: impl Ready) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(ready)
        .route(
            "/metrics",
            get(|State(metrics): State<Metrics>| async move {
                ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
            })
            .with_state(metrics),
        )
}

async fn readyz<R: Ready>(State(ready): State<R>) -> impl IntoResponse {
    match ready.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")),
    }
}

/// Resolves on the first SIGINT or SIGTERM. A second one ends the process at once.
pub(crate) fn stopped() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let stopped = CancellationToken::new();
    let told = stopped.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                tracing::info!("stopping: requests that run are finished first");
                told.cancel();
            } else {
                std::process::exit(130);
            }
        }
    });
    Ok(stopped)
}

/// Serves until `stop`, then lets what runs finish.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(stop.cancelled_owned())
    .await
    .context("the server stopped")
}
