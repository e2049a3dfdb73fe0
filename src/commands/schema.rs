//! `vantage schema export|check`: the graph as SDL, and the events as JSON Schema. `schema/` holds what `export` writes, and
//! a test fails when it is out of date.

use std::path::Path;

use anyhow::Context;
use platform::clock::Clock;
use platform::supervisor::Supervisor;
use router::Router;

use super::{event_schemas, schema_check};
use crate::cli::Schema;
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{Domain, Domains};
use crate::{graph, keys, nodes, rest};

pub(crate) async fn run(command: Schema) -> anyhow::Result<()> {
    match command {
        Schema::Export { directory } => export(&directory).await,
        Schema::Check(command) => schema_check::run(command).await,
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
    files.extend(event_schemas::files()?);
    Ok(files)
}

async fn export(directory: &Path) -> anyhow::Result<()> {
    event_schemas::refuse_breaking(directory)?;
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
    let router = graph::router(&configuration, &domains, &key, None)?;
    Ok((domains, router))
}

pub(super) fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
