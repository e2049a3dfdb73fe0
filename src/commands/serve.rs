//! `vantage serve`: the whole graph in one process, or only its router.

use anyhow::Context;
use platform::clock::Clock;

use crate::cli::Serve;
use crate::config::{Configuration, Mode};
use crate::data_directory::DataDirectory;
use crate::domains::{Domain, Domains};
use crate::entity_cache::Invalidations;
use crate::lifecycle::Lifecycle;
use crate::listener::{self, Threads};
use crate::output;
use crate::playground::{SignIn, TOKEN_HOURS};
use crate::{
    entity_cache, graph, keys, mcp, pictures, playground, rest, sandbox_server, serving, workers,
};

pub(crate) async fn run(command: Serve) -> anyhow::Result<()> {
    let mut configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.overrides(),
    )?;
    let name = if command.router_only {
        "vantage-router"
    } else {
        "vantage"
    };
    let service = configuration.service(name, false);
    let (_log, telemetry) = configuration.telemetry.start(&service)?;
    let listener = listener::bind(configuration.listen, "--listen").await?;
    configuration.listen = listener
        .local_addr()
        .context("the listener has no address")?;
    let lifecycle = Lifecycle::start(telemetry, &configuration).await?;
    let supervisor = &lifecycle.supervisor;

    let key = keys::caller_key(&configuration)?;
    let auth = keys::auth(&configuration)?;
    let clock = Clock::system();
    let here: Vec<_> = Domain::ALL
        .into_iter()
        .filter(|domain| {
            !command.router_only && configuration.subgraphs.url(domain.name()).is_none()
        })
        .collect();
    if command.demo {
        configuration
            .sandbox
            .hurry(configuration.demo.ticker_interval);
    }
    let sandbox = if sandbox_server::is_required(&configuration, here.len()) {
        Some(sandbox_server::start_in_process(&mut configuration, &clock, supervisor).await?)
    } else {
        None
    };
    let _serving = DataDirectory::of_databases(&configuration)
        .map(|directory| directory.serve(&here, configuration.redis_url.is_some()))
        .transpose()?;
    let missing = command.missing.allowed();
    let domains = Domains::open(&configuration, &here, missing, &key, &clock, supervisor).await?;
    if configuration.mode == Mode::Development && here.len() == Domain::ALL.len() {
        domains.seed_when_empty(&configuration, &clock).await?;
    }
    domains.start(supervisor).await;
    if let Some((sandbox, _)) = &sandbox {
        sandbox.load_shop(&domains).await?;
        sandbox.start_warehouse(&domains, supervisor);
    }
    let cache = entity_cache::cache(&configuration, configuration.uses_entity_cache())?;
    let invalidations = Invalidations::new(&configuration, cache, supervisor)?;
    workers::start(&domains, &configuration, &clock, supervisor, &invalidations)?;
    let router = graph::router(&configuration, &domains, &key, invalidations.cache())?;
    if configuration.rest.enabled {
        rest::check(&router).await?;
    }
    serving::warm_up(&router, &configuration.router.warm_up).await?;
    let state = serving::edge(router, &auth, &configuration.server, supervisor)?;
    let state = state.with_ide_page(playground::explorer(&configuration.server, true));
    let state = serving::share_documents(state, &configuration)?;
    let state = serving::share_rates(state, &configuration)?;
    serving::load_clients(&state, &configuration, supervisor).await?;
    serving::share_connections(&state, &configuration, supervisor)?;

    let url = format!(
        "http://{}{}",
        configuration.listen, configuration.server.path
    );
    output::announce(&format!("Vantage is listening on {url}"));
    if let Some((sandbox, simulated)) = &sandbox {
        output::announce(&format!(
            "Simulated at http://{}: {}",
            sandbox.address,
            simulated.join(", ")
        ));
        if simulated.contains(&"smtp") {
            output::announce(&format!("Emails:   http://{}/mail", sandbox.address));
        }
    }
    let is_development = configuration.mode == Mode::Development;
    if is_development && !configuration.listen.ip().is_loopback() {
        let address = configuration.listen;
        tracing::warn!(%address, "development mode is open to other machines");
        output::announce(&format!(
            "Warning:  anybody who can reach {address} can use this development server, whose tokens are valid for {TOKEN_HOURS} hours"
        ));
    }
    let customers = if is_development {
        domains.demo_customers().await?
    } else {
        Vec::new()
    };
    let sign_in = SignIn::new(&auth, customers)?;
    if let Some(token) = sign_in.first()? {
        let shop = format!(
            "http://{}{}",
            configuration.listen,
            playground::folder(&configuration.server)
        );
        print_welcome(&url, &shop, &token);
    }
    if command.demo {
        domains.start_live_demo(&configuration.demo, supervisor);
    }
    let payments = sandbox.as_ref().and_then(|(sandbox, simulated)| {
        let is_simulated = simulated.contains(&"stripe");
        is_simulated.then(|| format!("http://{}", sandbox.address))
    });
    let routes = domains
        .routes()
        .merge(pictures::routes())
        .merge(playground::routes(
            &configuration.server,
            sign_in,
            payments.as_deref(),
        ))
        .merge(playground::explorer_routes(
            &state,
            configuration.introspection(),
        ))
        .merge(rest::routes(&state, &configuration.rest)?)
        .merge(mcp::routes(&state, &configuration)?);
    let threads = if here.is_empty() {
        Threads::event_loops()
    } else {
        Threads::Shared
    };
    let lifecycle = lifecycle.with_admin_routes(entity_cache::routes(&invalidations));
    serving::serve(listener, state, routes, domains, threads, lifecycle).await
}

/// Where a developer starts: the pages, and the demo customer's token for other clients.
fn print_welcome(url: &str, shop: &str, token: &str) {
    // The fragment is only for the page: browsers do not send it to a server.
    output::announce(&format!(
        "Shop:     {shop}#token={token}\n\
         Explorer: {url}\n\
         Token:    {token}"
    ));
}
