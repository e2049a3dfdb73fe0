//! `vantage serve`: the whole graph from one process, or its router alone.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use platform::caller::Caller;
use platform::clock::Clock;
use router::auth::{DevelopmentKey, NewToken};
use router::{GraphQLRequest, RequestContext, Router};

use crate::cli::Serve;
use crate::config::{Configuration, Mode};
use crate::data_directory::DataDirectory;
use crate::domains::{Domain, Domains};
use crate::lifecycle::Lifecycle;
use crate::listener::{self, Threads};
use crate::output;
use crate::{graph, keys, playground, serving, simulators, workers};

/// What the start page asks, and answers by itself.
const FIRST_QUERY: &str = "{ me { name orders(first: 2) { totalCount nodes { status total { formatted } items { productName product { price { current { amount { formatted } } } } } shipments { carrier status } } } } }";

/// How long the printed token is good for.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn run(command: Serve) -> anyhow::Result<()> {
    let mut configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.overrides(),
    )?;
    let (_log, metrics) = configuration.telemetry.start()?;
    let listener = listener::bind(configuration.listen).await?;
    configuration.listen = listener
        .local_addr()
        .context("the listener has no address")?;
    let lifecycle = Lifecycle::start(metrics, configuration.server.drain_delay())?;
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
    let simulators = if simulators::are_needed(&configuration, here.len()) {
        Some(simulators::beside(&mut configuration, &clock, supervisor).await?)
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
    domains.start(supervisor).await?;
    if let Some((simulators, _)) = &simulators {
        simulators.know(&domains).await?;
    }
    workers::start(&domains, &configuration, &clock, supervisor)?;
    let router = graph::router(&configuration, &domains, &key)?;
    serving::warm_up(&router, &configuration.router.warm_up).await?;
    let state = serving::edge(router.clone(), &auth, &configuration.server, supervisor)?;
    serving::share_connections(&state, &configuration, supervisor)?;

    let url = format!(
        "http://{}{}",
        configuration.listen, configuration.server.path
    );
    output::announce(&format!("Vantage is listening on {url}"));
    if let Some((simulators, simulated)) = &simulators {
        output::announce(&format!(
            "Simulated at http://{}: {}",
            simulators.address,
            simulated.join(", ")
        ));
    }
    if configuration.mode == Mode::Development
        && let Some(customer) = domains.demo_customer().await?
    {
        introduce(&url, configuration.listen, &router, &auth, &customer).await?;
    }
    if command.demo {
        domains.keep_moving(&configuration.demo, supervisor);
    }
    let routes = domains
        .routes()
        .merge(playground::routes(&configuration.server));
    let threads = if here.is_empty() {
        Threads::event_loops()
    } else {
        Threads::Shared
    };
    serving::serve(listener, state, routes, domains, threads, lifecycle).await
}

/// A first query to paste, and its answer.
async fn introduce(
    url: &str,
    address: SocketAddr,
    router: &Router,
    auth: &router::auth::AuthConfig,
    customer: &str,
) -> anyhow::Result<()> {
    let Some(key) = DevelopmentKey::from_config(auth)? else {
        return Ok(());
    };
    let token = NewToken {
        subject: customer.to_owned(),
        scopes: Vec::new(),
        ttl: TOKEN_TTL,
    };
    let token = key.mint(&token, std::time::SystemTime::now())?;
    // The part behind # is for the page alone: it is not sent to any server.
    output::announce(&format!(
        "\nOpen it in a browser as the demo customer:\n\n  http://{address}{}#token={token}",
        playground::PATH
    ));
    let answer = router
        .execute(
            GraphQLRequest::new(FIRST_QUERY),
            RequestContext::for_caller(Caller::customer(customer)),
        )
        .await;
    let answer = String::from_utf8(answer.to_bytes().to_vec())?;
    output::announce(&format!(
        "\nTry it as the demo customer:\n\n  curl {url} -H 'content-type: application/json' \
         -H 'authorization: Bearer {token}' -d '{{\"query\":\"{FIRST_QUERY}\"}}'\n\n\
         which answers:\n\n{answer}\n"
    ));
    Ok(())
}
