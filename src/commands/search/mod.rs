//! `vantage search`.

mod evaluate;
mod experiment;
mod reindex;
mod status;
mod vectors;

use anyhow::Context;
use platform::clock::Clock;
use platform::supervisor::Supervisor;

use crate::cli::{Search, Settings};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{Domain, Domains};
use crate::keys;

pub(crate) async fn run(command: Search) -> anyhow::Result<()> {
    match command {
        Search::Evaluate(evaluate) => evaluate::run(evaluate).await,
        Search::Vectors(command) => vectors::run(command).await,
        Search::Experiment(command) => experiment::run(command).await,
        Search::Reindex { settings } => reindex::run(&settings).await,
        Search::Status(status) => status::run(status).await,
    }
}

/// The search domain's state over its database and its engine.
async fn open(settings: &Settings) -> anyhow::Result<search::State> {
    let configuration = Configuration::load(
        settings.config.as_deref(),
        std::env::vars_os(),
        &settings.overrides(None),
    )?;
    let pricing = Domain::Pricing;
    let mut here = vec![Domain::Search];
    // The rates of price filters come from there.
    if configuration.subgraphs.url(pricing.name()).is_none() {
        here.push(pricing);
    }
    let key = keys::caller_key(&configuration)?;
    let (clock, supervisor) = (Clock::system(), Supervisor::new());
    let domains = Domains::open(
        &configuration,
        &here,
        Missing::Refuse,
        &key,
        &clock,
        &supervisor,
    )
    .await?;
    let search = domains.search().context("the search domain is not open")?;
    Ok(search.clone())
}
