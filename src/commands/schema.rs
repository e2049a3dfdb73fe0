//! `vantage schema export|check` and `vantage compose`: the graph as SDL. `schema/` contains the output of `export`; a
//! test fails if it is out of date.

use std::path::Path;

use anyhow::Context;
use platform::clock::Clock;
use platform::supervisor::Supervisor;
use router::Router;
use url::Url;

use super::schema_check;
use crate::cli::{Compose, Schema};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{Domain, Domains};
use crate::output;
use crate::{graph, keys, nodes, rest};

pub(crate) async fn run(command: Schema) -> anyhow::Result<()> {
    match command {
        Schema::Export { directory } => export(&directory).await,
        Schema::Check(command) => schema_check::run(command).await,
    }
}

/// Prints the supergraph with the configured URLs, or writes it to a file.
pub(crate) fn compose(command: &Compose) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    let mut subgraphs = Vec::new();
    for domain in Domain::ALL {
        let name = domain.name();
        let url = configuration.subgraphs.url(name);
        let url = url.map_or_else(|| format!("local:{name}"), Url::to_string);
        subgraphs.push((name, domain.sdl().to_owned(), url));
    }
    for other in command.subgraph.chunks(3) {
        // The command line takes three values at a time.
        if let [name, url, file] = other {
            let sdl = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the schema of {name}, {file}"))?;
            subgraphs.push((name, sdl, url.clone()));
        }
    }
    let subgraphs: Vec<_> = subgraphs
        .iter()
        .map(|(name, sdl, url)| (*name, sdl.as_str(), url.as_str()))
        .collect();
    let mut sdl = router::compose(&subgraphs)?;
    if command.omit_authorization {
        sdl = router::omit_authorization(&sdl)?;
    }
    match &command.output {
        Some(file) => write(file, &sdl),
        None => output::print(&sdl),
    }
}

/// All files of `schema/`, by name.
async fn files() -> anyhow::Result<Vec<(String, String)>> {
    let (domains, router) = graph().await?;
    let mut files: Vec<_> = Domain::ALL
        .into_iter()
        .filter_map(|domain| domains.subgraph(domain))
        .map(|subgraph| {
            (
                format!("{}.graphql", subgraph.name()),
                subgraph.sdl().to_owned(),
            )
        })
        .collect();
    files.push((format!("{}.graphql", nodes::NAME), nodes::sdl()));
    files.push((
        "supergraph.graphql".to_owned(),
        router.supergraph_sdl().to_owned(),
    ));
    files.push(("api.graphql".to_owned(), router.api_sdl().to_owned()));
    files.push(("openapi.json".to_owned(), rest::document()?));
    Ok(files)
}

async fn export(directory: &Path) -> anyhow::Result<()> {
    for (name, sdl) in files().await? {
        write(&directory.join(name), &sdl)?;
    }
    Ok(())
}

/// The public schema of the whole graph.
pub(super) async fn api_sdl() -> anyhow::Result<String> {
    let (_, router) = graph().await?;
    Ok(router.api_sdl().to_owned())
}

/// The whole graph over empty databases in a temporary directory.
async fn graph() -> anyhow::Result<(Domains, Router)> {
    let scratch = tempfile::tempdir().context("cannot create a temporary directory")?;
    let configuration = Configuration {
        data: scratch.path().to_owned(),
        ..Configuration::default()
    };
    let key = keys::caller_key(&configuration)?;
    let supervisor = Supervisor::new();
    let domains = Domains::open(
        &configuration,
        &Domain::ALL,
        Missing::Create(&[]),
        &key,
        &Clock::system(),
        &supervisor,
    )
    .await?;
    let router = graph::router(&configuration, &domains, &key)?;
    Ok((domains, router))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
