//! `vantage router`: a standalone router over any supergraph whose SDL contains the subgraph URLs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::router::auth::AuthConfig;
use ::router::server::{ServerConfig, ServerState};
use ::router::{EntityCache, HttpTransportOptions};
use anyhow::Context;
use async_trait::async_trait;
use platform::reload::{Reload, Reloader};

use crate::cli::Router;
use crate::config::{Configuration, Overrides};
use crate::entity_cache::Invalidations;
use crate::error_line::one_line;
use crate::lifecycle::{Lifecycle, Ready};
use crate::listener::{self, Threads};
use crate::{entity_cache, mcp, output, playground, serving};

/// How often to check the supergraph's file for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A router without databases is ready as soon as it listens.
#[derive(Clone)]
struct Always;

impl Ready for Always {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The edge's authentication. Without a key nothing can be verified here, so tokens are passed through to the
/// subgraphs, which verify them.
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
    let mut configuration = Configuration::load(
        command.config.as_deref(),
        std::env::vars_os(),
        &Overrides {
            listen: Some(command.listen),
            admin_listen: command.admin_listen,
            ..Overrides::default()
        },
    )?;
    let service = configuration.service("vantage-router", false);
    let (_log, telemetry) = configuration.telemetry.start(&service)?;
    let file = command.supergraph;
    let supergraph = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read the supergraph {}", file.display()))?;
    let (auth, server) = edge(&configuration);
    // Nobody announces what changes in foreign subgraphs, unless they are told to.
    let is_enabled = configuration.router.entity_cache.enabled == Some(true);
    let cache = entity_cache::cache(&configuration, is_enabled)?;
    let router = build(&configuration, &server, &file, &supergraph, cache.as_ref())?;
    serving::warm_up(&router, &configuration.router.warm_up).await?;
    let listener = listener::bind(configuration.listen, "--listen").await?;
    configuration.listen = listener
        .local_addr()
        .context("the listener has no address")?;
    let lifecycle = Lifecycle::start(telemetry, &configuration).await?;
    let supervisor = &lifecycle.supervisor;
    let invalidations = Invalidations::new(&configuration, cache, supervisor)?;
    let state = serving::edge(router, &auth, &server, supervisor)?;
    let state = state.with_ide_page(playground::explorer(&server, false));
    let state = serving::share_documents(state, &configuration)?;
    let state = serving::share_rates(state, &configuration)?;
    serving::load_clients(&state, &configuration, supervisor).await?;
    serving::share_connections(&state, &configuration, supervisor)?;

    output::announce(&format!(
        "The router is listening on http://{}{}",
        configuration.listen, configuration.server.path
    ));
    let contents = (supergraph.clone(), state.clients_version());
    let introspection = configuration.introspection();
    let tools = mcp::routes(&state, &configuration)?;
    let supergraph = Supergraph {
        configuration,
        server: server.clone(),
        file,
        used: supergraph,
        state: state.clone(),
        cache: invalidations.cache().cloned(),
    };
    Reloader::of(supergraph, contents, supervisor).start(LOOK_EVERY);
    let explorer = playground::explorer_routes(&state, introspection);
    let routes = serving::explorer_first(&server)
        .merge(explorer)
        .merge(tools);
    let threads = Threads::event_loops();
    let lifecycle = lifecycle.with_admin_routes(entity_cache::routes(&invalidations));
    serving::serve(listener, state, routes, Always, threads, lifecycle).await
}

fn build(
    configuration: &Configuration,
    server: &ServerConfig,
    file: &Path,
    supergraph: &str,
    cache: Option<&EntityCache>,
) -> anyhow::Result<::router::Router> {
    let mut builder = ::router::Router::builder()
        .supergraph(supergraph)
        .http(HttpTransportOptions {
            deadline: configuration.router.deadline.get(),
            forward_authorization: server.forwards_authorization(),
            share_in_flight: configuration.router.share_fetches,
            ..HttpTransportOptions::default()
        })
        .deadline(configuration.router.deadline.get())
        .introspection(configuration.introspection())
        .expose_query_plan(configuration.exposes_query_plans())
        .share_requests(configuration.router.share_requests)
        .defer(configuration.router.defer)
        .limits(configuration.router.limits.clone())
        .override_labels(configuration.router.override_labels.clone())
        .development(configuration.server.development);
    if let Some(cache) = cache {
        builder = builder.entity_cache(cache.clone());
    }
    builder
        .build()
        .with_context(|| format!("the supergraph {} cannot be served", file.display()))
}

/// The supergraph's file, and what is served from it.
struct Supergraph {
    configuration: Configuration,
    server: ServerConfig,
    file: PathBuf,
    used: String,
    state: ServerState,
    cache: Option<EntityCache>,
}

#[async_trait]
impl Reload for Supergraph {
    /// With the version of the clients: a schema that was invalid for the previous ones may be valid for others.
    type Contents = (String, u64);
    type Error = Unusable;

    const NAME: &'static str = "supergraph";

    async fn read(&self) -> Result<Self::Contents, Unusable> {
        let text = tokio::fs::read_to_string(&self.file).await;
        let text =
            text.with_context(|| format!("cannot read the supergraph {}", self.file.display()))?;
        Ok((text, self.state.clients_version()))
    }

    async fn apply(&mut self, (text, _): &Self::Contents) -> Result<Option<String>, Unusable> {
        if *text == self.used {
            return Ok(None);
        }
        let cache = self.cache.as_ref();
        let router = build(&self.configuration, &self.server, &self.file, text, cache)?;
        let served = self.state.reload(router).await;
        served
            .with_context(|| format!("the supergraph {} cannot be served", self.file.display()))?;
        self.used.clone_from(text);
        Ok(Some(self.file.display().to_string()))
    }
}

/// Why a supergraph is not served, in one line.
struct Unusable(anyhow::Error);

impl From<anyhow::Error> for Unusable {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.0))
    }
}
