//! `vantage subgraph NAME`: a single domain as an HTTP service.

use anyhow::Context;
use platform::clock::Clock;
use router::server::Unsent;

use crate::cli::Subgraph;
use crate::config::Configuration;
use crate::data_directory::DataDirectory;
use crate::domains::{Domain, Domains};
use crate::entity_cache::Invalidations;
use crate::lifecycle::Lifecycle;
use crate::listener::{self, Limits, Threads};
use crate::output;
use crate::{keys, pictures, subgraph_server, workers};

pub(crate) async fn run(command: Subgraph) -> anyhow::Result<()> {
    let mut configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(Some(&command.listen)),
    )?;
    let service = configuration.service(
        format!("vantage-{}", command.name.name()),
        !configuration.subgraph.verify_tokens,
    );
    let (_log, telemetry) = configuration.telemetry.start(&service)?;
    let listener = listener::bind(configuration.listen, "--listen").await?;
    configuration.listen = listener
        .local_addr()
        .context("the listener has no address")?;
    let lifecycle = Lifecycle::start(telemetry, &configuration).await?;
    let supervisor = &lifecycle.supervisor;

    let key = keys::caller_key(&configuration)?;
    let domain = command.name;
    let clock = Clock::system();
    let _serving = DataDirectory::of_databases(&configuration)
        .map(|directory| directory.serve(&[domain], configuration.redis_url.is_some()))
        .transpose()?;
    let missing = command.missing.allowed();
    let domains =
        Domains::open(&configuration, &[domain], missing, &key, &clock, supervisor).await?;
    domains.start(supervisor).await;
    let invalidations = Invalidations::new(&configuration, None, supervisor)?;
    workers::start(&domains, &configuration, &clock, supervisor, &invalidations)?;
    let subgraph = domains
        .subgraph(domain)
        .with_context(|| format!("the {} subgraph was not opened", domain.name()))?;

    output::announce(&format!(
        "The {} subgraph is listening on http://{}/graphql",
        domain.name(),
        configuration.listen
    ));
    if command.demo {
        domains.start_live_demo(&configuration.demo, supervisor);
    }
    let pictures = match domain {
        // Without a `public_url` the links of its products lead here.
        Domain::Search => pictures::routes(),
        _ => axum::Router::new(),
    };
    let app = subgraph_server::routes(subgraph.clone(), key, &configuration, &clock, supervisor)?
        .merge(domains.routes())
        .merge(pictures)
        .merge(lifecycle.routes(domains.clone())?);
    let server = &configuration.server;
    let limits = Limits::new(server, Unsent::new(&server.connections));
    let shutdown = lifecycle.shutdown.clone();
    let served = listener::serve(listener, app, Threads::Shared, limits, shutdown).await;
    lifecycle.end().await;
    served
}
