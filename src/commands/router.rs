//! `vantage router`: the router alone, over any supergraph whose subgraph URLs are in its SDL.

use anyhow::Context;
use platform::telemetry::Metrics;

use crate::cli::Router;
use crate::config::{Configuration, Overrides};
use crate::listener::{self, Ready};
use crate::output;
use crate::serving;

/// A router without databases is ready as soon as it listens.
#[derive(Clone)]
struct Always;

impl Ready for Always {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

pub(crate) async fn run(command: Router) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.config.as_deref(),
        std::env::vars_os(),
        &Overrides {
            listen: Some(command.listen),
            data: None,
        },
    )?;
    platform::telemetry::init_log(
        configuration.telemetry.log_format,
        &configuration.telemetry.log_level,
    )?;
    let metrics = Metrics::install()?;
    let file = command.supergraph.display();
    let supergraph = std::fs::read_to_string(&command.supergraph)
        .with_context(|| format!("cannot read the supergraph {file}"))?;
    let router = router::Router::builder()
        .supergraph(&supergraph)
        .deadline(configuration.router.deadline.get())
        .introspection(configuration.router.introspection)
        .expose_query_plan(configuration.router.expose_query_plan)
        .development(configuration.server.development)
        .build()
        .with_context(|| format!("the supergraph {file} cannot be served"))?;
    let listener = listener::bind(configuration.listen).await?;
    let stop = listener::stopped()?;
    let state = serving::edge(router, &configuration.auth, &configuration.server)?;

    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    output::line(&format!(
        "The router is listening on http://{address}{}",
        configuration.server.path
    ))?;
    serving::serve(listener, state, metrics, Always, stop).await
}
