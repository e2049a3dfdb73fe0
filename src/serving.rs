//! Serves a router behind its edge: routes, health and draining, for the commerce graph and for any other supergraph.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::response::Redirect;
use axum::routing::get;
use platform::cache::RedisCache;
use platform::connection_registry::ConnectionRegistry;
use platform::pubsub::RedisPubSub;
use platform::rate_limit::RateLimiter;
use platform::supervisor::Supervisor;
use router::auth::{AuthConfig, JwtVerifier};
use router::clients::read_manifest;
use router::server::{ServerConfig, ServerState, graphql_routes};
use router::{GraphQLRequest, Router};
use tokio::net::TcpListener;

use crate::config::Configuration;
use crate::lifecycle::{Lifecycle, Ready};
use crate::listener::{self, Limits, Threads};

/// The edge over a router.
pub(crate) fn edge(
    router: Router,
    auth: &AuthConfig,
    config: &ServerConfig,
    supervisor: &Supervisor,
) -> anyhow::Result<ServerState> {
    let verifier = JwtVerifier::new(auth, config.development, supervisor)?;
    let mut config = config.clone();
    // WebSockets are long-lived; the rest is reserved for short-lived connections.
    let most = listener::max_connections(&config.connections);
    let sockets = &mut config.websocket.max_connections;
    *sockets = (*sockets).min(most - most / 10);
    Ok(ServerState::new(router, verifier, config)?)
}

/// Counts users' connections across instances that share a Redis server.
pub(crate) fn share_connections(
    state: &ServerState,
    configuration: &Configuration,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let Some(server) = configuration.redis()? else {
        return Ok(());
    };
    let pubsub = RedisPubSub::new(&server, supervisor);
    let max = configuration.server.websocket.max_connections_per_user;
    let (registry, evictions) = ConnectionRegistry::new(&server, Arc::new(pubsub), max, supervisor);
    state.share_connections(registry, evictions, supervisor);
    Ok(())
}

/// Shares clients' persisted documents across instances that share a Redis server.
pub(crate) fn share_documents(
    state: ServerState,
    configuration: &Configuration,
) -> anyhow::Result<ServerState> {
    let Some(server) = configuration.redis()? else {
        return Ok(state);
    };
    let bounds = configuration.server.persisted_queries.bounds();
    let cache = RedisCache::new(&server, "persisted_queries", bounds);
    Ok(state.with_document_cache(Arc::new(cache)))
}

/// Shares rate limits across instances that share a Redis server.
pub(crate) fn share_rates(
    state: ServerState,
    configuration: &Configuration,
) -> anyhow::Result<ServerState> {
    let Some(server) = configuration.redis()? else {
        return Ok(state);
    };
    let limiter = RateLimiter::redis(&server);
    Ok(state.with_rate_limiter(limiter))
}

/// Loads the configured clients file, whose operations must be valid against the schema.
pub(crate) async fn load_clients(
    state: &ServerState,
    configuration: &Configuration,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let Some(file) = &configuration.clients.file else {
        return Ok(());
    };
    let interval = configuration.clients.reload_interval.get();
    let watched = state.watch_clients(file, interval, supervisor).await;
    watched.context("clients.file")
}

/// Time limit for planning operations before the first request is accepted.
const WARM_UP: Duration = Duration::from_secs(10);

/// Plans the operations of these manifests. Failures are logged only, since a manifest may be older than the schema.
pub(crate) async fn warm_up(router: &Router, manifests: &[PathBuf]) -> anyhow::Result<()> {
    let mut operations = Vec::new();
    for file in manifests {
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("router.warm_up: cannot read {shown}"))?;
        let read = read_manifest(&text).with_context(|| format!("router.warm_up: {shown}"))?;
        operations.extend(read.into_iter().map(|operation| GraphQLRequest {
            operation_name: operation.name,
            ..GraphQLRequest::new(operation.body)
        }));
    }
    let warmed = router.warm_up(operations, WARM_UP).await;
    for (operation, refusal) in &warmed.refused {
        tracing::warn!(
            operation = operation.operation_name,
            document = operation.query,
            reason = refusal.errors.first().map(|error| &*error.message),
            "router.warm_up operation not planned"
        );
    }
    if warmed.left > 0 {
        tracing::warn!(
            left = warmed.left,
            "router.warm_up has more operations than could be planned in {WARM_UP:?}"
        );
    }
    Ok(())
}

/// Redirects `/` to the explorer, in development.
pub(crate) fn explorer_first(server: &ServerConfig) -> axum::Router {
    let routes = axum::Router::new();
    if !server.development || server.path == "/" {
        return routes;
    }
    let path = server.path.clone();
    routes.route("/", get(|| async move { Redirect::temporary(&path) }))
}

/// A router is ready if what it needs is, and says if it is overloaded or subgraphs do not answer it.
#[derive(Clone)]
struct Edge<R> {
    ready: R,
    state: ServerState,
}

impl<R: Ready> Ready for Edge<R> {
    async fn ready(&self) -> Result<(), String> {
        self.ready.ready().await
    }

    fn degraded(&self) -> Vec<String> {
        let router = self.state.router();
        let unavailable = router.unavailable_subgraphs().into_iter();
        unavailable
            .map(|name| format!("subgraph {name}: it does not answer, and is not called"))
            .chain(self.state.overload_description())
            .collect()
    }
}

/// Serves GraphQL and `routes` until the process shuts down; then new connections are refused, requests finish,
/// WebSockets drain, and background tasks stop.
pub(crate) async fn serve(
    listener: TcpListener,
    state: ServerState,
    routes: axum::Router,
    ready: impl Ready,
    threads: Threads,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let ready = Edge {
        ready,
        state: state.clone(),
    };
    let app = graphql_routes(state.clone())
        .merge(routes)
        .merge(lifecycle.routes(ready)?);
    let limits = Limits::new(&state.config, state.unsent.clone());
    let draining = {
        let stop = lifecycle.shutdown.begun.clone();
        let state = Arc::new(state);
        async move {
            stop.cancelled().await;
            state.drain().await;
        }
    };
    // Event loops end with this future, and draining WebSockets run on them.
    let serving = listener::serve(
        listener,
        app,
        threads.clone(),
        limits,
        lifecycle.shutdown.clone(),
    );
    let (served, ()) = tokio::join!(serving, draining);
    drop(threads);
    lifecycle.end().await;
    served
}
