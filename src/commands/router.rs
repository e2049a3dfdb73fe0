//! `vantage router`: the router alone, over any supergraph whose subgraph URLs are in its SDL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::router::HttpTransportOptions;
use ::router::auth::AuthConfig;
use ::router::server::{ServerConfig, ServerState};
use anyhow::Context;
use futures::FutureExt;
use platform::supervisor::Stage;
use tokio::sync::Mutex;

use crate::cli::Router;
use crate::config::{Configuration, Overrides};
use crate::lifecycle::{Lifecycle, Ready};
use crate::listener::{self, Threads};
use crate::output;
use crate::serving;

/// How often the supergraph's file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A router without databases is ready as soon as it listens.
#[derive(Clone)]
struct Always;

impl Ready for Always {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Whom to believe. Without a key nobody can be verified here, so tokens go to the subgraphs as they
/// are, which know whose they are.
fn edge(configuration: &Configuration) -> (AuthConfig, ServerConfig) {
    let (mut auth, mut server) = (configuration.auth.clone(), configuration.server.clone());
    let no_key =
        auth.jwks.is_none() && auth.public_keys.is_empty() && auth.development_secret.is_none();
    if no_key {
        auth.pass_through = true;
        if !server.forwards_authorization() {
            server.forward_headers.push("authorization".to_owned());
        }
    }
    (auth, server)
}

pub(crate) async fn run(command: Router) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.config.as_deref(),
        std::env::vars_os(),
        &Overrides {
            listen: Some(command.listen),
            admin_listen: command.admin_listen,
            ..Overrides::default()
        },
    )?;
    let (_log, metrics) = configuration.telemetry.start()?;
    let file = command.supergraph;
    let supergraph = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read the supergraph {}", file.display()))?;
    let (auth, server) = edge(&configuration);
    let router = build(&configuration, &server, &file, &supergraph)?;
    serving::warm_up(&router, &configuration.router.warm_up).await?;
    let listener = listener::bind(configuration.listen, "--listen").await?;
    let lifecycle = Lifecycle::start(metrics, &configuration).await?;
    let supervisor = &lifecycle.supervisor;
    let state = serving::edge(router, &auth, &server, supervisor)?;
    serving::share_connections(&state, &configuration, supervisor)?;

    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    output::announce(&format!(
        "The router is listening on http://{address}{}",
        configuration.server.path
    ));
    let reload = Arc::new(Mutex::new(Reload {
        configuration,
        server: server.clone(),
        file,
        last: supergraph,
        state: state.clone(),
    }));
    supervisor.start(Stage::Support, "supergraph", move |stop| {
        let reload = reload.clone();
        stop.run_until_cancelled_owned(async move { reload.lock().await.on_change().await })
            .map(drop)
    });
    let routes = serving::explorer_first(&server);
    let threads = Threads::event_loops();
    serving::serve(listener, state, routes, Always, threads, lifecycle).await
}

fn build(
    configuration: &Configuration,
    server: &ServerConfig,
    file: &Path,
    supergraph: &str,
) -> anyhow::Result<::router::Router> {
    ::router::Router::builder()
        .supergraph(supergraph)
        .http(HttpTransportOptions {
            deadline: configuration.router.deadline.get(),
            forward_authorization: server.forwards_authorization(),
            share_in_flight: configuration.router.share_fetches,
            ..HttpTransportOptions::default()
        })
        .deadline(configuration.router.deadline.get())
        .introspection(configuration.introspection())
        .expose_query_plan(configuration.router.expose_query_plan)
        .limits(configuration.router.limits.clone())
        .override_labels(configuration.router.override_labels.clone())
        .development(configuration.server.development)
        .build()
        .with_context(|| format!("the supergraph {} cannot be served", file.display()))
}

/// The supergraph's file, and what is served of it.
struct Reload {
    configuration: Configuration,
    server: ServerConfig,
    file: PathBuf,
    last: String,
    state: ServerState,
}

impl Reload {
    /// Serves what the file says now, whenever that changes. What cannot be served is logged, and what was
    /// served before goes on.
    async fn on_change(&mut self) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            // A file that is being replaced may be missing for a moment.
            let Ok(supergraph) = tokio::fs::read_to_string(&self.file).await else {
                continue;
            };
            if supergraph == self.last {
                continue;
            }
            // One that cannot be served, or makes this panic, is tried once.
            self.last.clone_from(&supergraph);
            match build(&self.configuration, &self.server, &self.file, &supergraph) {
                Ok(router) => {
                    self.state.reload(router).await;
                    tracing::info!(file = %self.file.display(), "the supergraph was reloaded");
                }
                Err(error) => tracing::error!(error = format!("{error:#}"), "not reloaded"),
            }
        }
    }
}
