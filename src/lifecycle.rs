//! The lifecycle of a serving process: shutdown signals, background tasks, health and metrics.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use platform::supervisor::{Stage, Supervisor};
use platform::telemetry::Metrics;
use router::server::{ServerConfig, Unsent};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{Configuration, Mode, StartedTelemetry};
use crate::listener::{self, Limits, Threads};
use crate::output;
use crate::workers::SHUTDOWN_PATIENCE;

/// Whether a process can currently serve.
pub(crate) trait Ready: Clone + Send + Sync + 'static {
    /// `Err` with what is missing.
    fn ready(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// What it does worse than it should while it serves, for operators.
    fn degraded(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Common to every serving process.
pub(crate) struct Lifecycle {
    pub(crate) supervisor: Supervisor,
    pub(crate) shutdown: Shutdown,
    metrics: Metrics,
    admin: Option<std::net::TcpListener>,
    admin_routes: Router,
    /// Whether the public address shows details and metrics.
    is_open: bool,
}

/// The two steps of a shutdown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    /// The process was told to stop: it is no longer ready, but still serves requests.
    pub(crate) announced: CancellationToken,
    /// It accepts no more connections and finishes running requests.
    pub(crate) begun: CancellationToken,
}

impl Lifecycle {
    /// Installs signal handlers and binds the operators' address.
    pub(crate) async fn start(
        telemetry: StartedTelemetry,
        configuration: &Configuration,
    ) -> anyhow::Result<Self> {
        let supervisor = Supervisor::new();
        let StartedTelemetry { metrics, traces } = telemetry;
        metrics.start_upkeep(&supervisor);
        if let Some(traces) = traces {
            traces.start(&supervisor);
        }
        crate::memory::start_giving_back(&supervisor);
        if let Some(server) = configuration.redis()? {
            let watching = supervisor.clone();
            supervisor.start(Stage::Support, "redis.watch", move |stop| {
                platform::redis_watch::watch(server.clone(), watching.clone(), stop)
            });
        }
        let admin = match configuration.admin.listen {
            Some(address) => Some(
                listener::bind(address, "--admin-listen")
                    .await?
                    .into_std()?,
            ),
            None => None,
        };
        let is_production = configuration.mode == Mode::Production;
        if is_production && admin.is_none() {
            tracing::warn!("metrics are not served: set admin.listen, or --admin-listen");
        }
        Ok(Self {
            supervisor,
            shutdown: shutdown_on_signal(configuration.server.drain_delay())?,
            metrics,
            is_open: admin.is_none() && !is_production,
            admin,
            admin_routes: Router::new(),
        })
    }

    /// Serves these on the operators' address, too, and nowhere else.
    pub(crate) fn with_admin_routes(mut self, routes: Router) -> Self {
        self.admin_routes = self.admin_routes.merge(routes);
        self
    }

    /// The public `/healthz` (alive) and `/readyz` (able to serve), and `/metrics` where it may be public. Starts the
    /// operators' listener, which has all of them.
    pub(crate) fn routes<R: Ready>(&self, ready: R) -> anyhow::Result<Router> {
        let readiness = |shows_details| Readiness {
            ready: ready.clone(),
            supervisor: self.supervisor.clone(),
            stopping: self.shutdown.announced.clone(),
            shows_details,
        };
        if let Some(listener) = &self.admin {
            let app = health(readiness(true))
                .merge(metrics(&self.metrics))
                .merge(self.admin_routes.clone());
            self.serve_admin(listener.try_clone()?, app)?;
        }
        let public = health(readiness(self.is_open));
        Ok(if self.is_open {
            public.merge(metrics(&self.metrics))
        } else {
            public
        })
    }

    /// Operators can look until the end: this listener is among the last to stop.
    fn serve_admin(&self, listener: std::net::TcpListener, app: Router) -> anyhow::Result<()> {
        output::announce(&format!("Admin at http://{}", listener.local_addr()?));
        self.supervisor.start(Stage::Support, "admin", move |stop| {
            let (listener, app) = (listener.try_clone(), app.clone());
            let shutdown = Shutdown {
                announced: stop.clone(),
                begun: stop,
            };
            async move {
                let served = async {
                    let listener = TcpListener::from_std(listener?)?;
                    let config = ServerConfig::default();
                    let limits = Limits::new(&config, Unsent::new(&config.connections));
                    listener::serve(listener, app, Threads::Shared, limits, shutdown).await
                };
                if let Err(error) = served.await {
                    tracing::error!(error = format!("{error:#}"), "admin listener failed");
                }
            }
        });
        Ok(())
    }

    /// Stops the background tasks in order.
    pub(crate) async fn end(self) {
        self.supervisor.shutdown(SHUTDOWN_PATIENCE).await;
    }
}

fn health<R: Ready>(readiness: Readiness<R>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz::<R>))
        .with_state(readiness)
}

fn metrics(metrics: &Metrics) -> Router {
    async fn show(State(metrics): State<Metrics>) -> impl IntoResponse {
        let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
        (content_type, metrics.render())
    }
    Router::new()
        .route("/metrics", get(show))
        .with_state(metrics.clone())
}

#[derive(Clone)]
struct Readiness<R> {
    ready: R,
    supervisor: Supervisor,
    stopping: CancellationToken,
    shows_details: bool,
}

impl<R: Ready> Readiness<R> {
    async fn ready(&self) -> Result<(), String> {
        if self.stopping.is_cancelled() {
            return Err("the process is stopping".to_owned());
        }
        self.ready.ready().await
    }
}

/// 503 if requests cannot be served. A background task that is down is reported, but requests are still accepted: its
/// work waits in the database until it is back. So is an overload: another instance would not have more room.
async fn readyz<R: Ready>(State(readiness): State<Readiness<R>>) -> impl IntoResponse {
    let (status, mut text) = match readiness.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {missing}\n"),
        ),
    };
    if readiness.shows_details {
        let parts = readiness.supervisor.degraded().into_iter();
        for part in parts.chain(readiness.ready.degraded()) {
            text.push_str(&format!("degraded: {part}\n"));
        }
    } else if status != StatusCode::OK {
        "not ready\n".clone_into(&mut text);
    }
    (status, text)
}

/// Begins the shutdown on the first SIGINT or SIGTERM: at once on SIGINT, which a person sends, and after `delay` on
/// SIGTERM, which an orchestrator sends while load balancers still send requests. A second signal ends the process at
/// once.
pub(crate) fn shutdown_on_signal(delay: Duration) -> anyhow::Result<Shutdown> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let shutdown = Shutdown::default();
    let Shutdown { announced, begun } = shutdown.clone();
    // The only task without a supervisor, because it outlives that; nothing in it can fail.
    tokio::spawn(async move {
        let delay = tokio::select! {
            _ = interrupt.recv() => Duration::ZERO,
            _ = terminate.recv() => delay,
        };
        announced.cancel();
        tracing::info!(
            ?delay,
            "stopping: no longer ready, connections are refused after the delay"
        );
        let begin = async {
            tokio::time::sleep(delay).await;
            begun.cancel();
            tracing::info!("stopping: finishing running requests");
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
