//! `vantage subgraph NAME`: one domain as its own HTTP service.

use anyhow::Context;
use platform::clock::Clock;

use crate::cli::Subgraph;
use crate::config::Configuration;
use crate::domains::Domains;
use crate::listener::{self, Threads};
use crate::output;
use crate::workers::Workers;
use crate::{keys, subgraph_server};

pub(crate) async fn run(command: Subgraph) -> anyhow::Result<()> {
    let mut configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(Some(&command.listen)),
    )?;
    let metrics = configuration.telemetry.start()?;
    let listener = listener::bind(configuration.listen).await?;
    configuration.listen = listener
        .local_addr()
        .context("the listener has no address")?;
    let stop = listener::stopped()?;

    let key = keys::caller_key(&configuration)?;
    let domain = command.name;
    let clock = Clock::system();
    let domains = Domains::open(&configuration, &[domain], &key, &clock).await?;
    domains.start().await?;
    let workers = Workers::start(&domains, &configuration, &clock, &stop)?;
    let subgraph = domains
        .subgraph(domain)
        .with_context(|| format!("the {} subgraph was not opened", domain.name()))?;

    output::line(&format!(
        "The {} subgraph is listening on http://{}/graphql",
        domain.name(),
        configuration.listen
    ))?;
    if command.demo {
        domains.keep_moving_until(configuration.demo.ticker_interval.get(), stop.clone());
    }
    tokio::spawn(metrics.clone().upkeep());
    let app = subgraph_server::routes(subgraph.clone(), key)
        .merge(domains.routes())
        .merge(listener::operations(metrics, domains.clone()));
    let served = listener::serve(listener, app, Threads::Shared, stop).await;
    workers.stopped().await;
    served
}
