//! `vantage operations check|list|add|cost`: clients' registered operations, and whether they are valid against a
//! schema.

mod add;
mod check;
mod report;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use router::Router;
use router::clients::{Clients, ClientsFiles, RegisteredClient};

use self::check::Check;
use crate::cli::{ClientsFile as Named, Operations};
use crate::clients_file::ClientsFile;
use crate::config::{Configuration, Overrides};
use crate::{output, rest};

pub(crate) async fn run(command: Operations) -> anyhow::Result<()> {
    match command {
        Operations::Check {
            file,
            supergraph,
            client,
            all,
            format,
        } => {
            let chosen = checked(&file, client.as_deref())?;
            let router = schema(&file, supergraph.as_deref())?;
            // The previous schema is this binary's own.
            let before = supergraph.is_some().then(|| schema(&file, None));
            let before = before.transpose()?;
            let against = Check {
                router: &router,
                before: before.as_ref(),
                counts_all: all,
            };
            check::run(&chosen, &against, format).await
        }
        Operations::List { file, client } => {
            let clients = clients(&file)?;
            list(&chosen(&clients, client.as_deref())?)
        }
        Operations::Cost {
            file,
            supergraph,
            client,
        } => {
            let clients = clients(&file)?;
            let router = schema(&file, supergraph.as_deref())?;
            cost(&chosen(&clients, client.as_deref())?, &router).await
        }
        Operations::Add {
            file,
            supergraph,
            client,
            operations,
        } => {
            let router = schema(&file, supergraph.as_deref())?;
            add::run(ClientsFile::open(&file)?, &router, &client, &operations).await
        }
    }
}

fn configuration(named: &Named) -> anyhow::Result<Configuration> {
    let configuration = Configuration::load(
        named.config.as_deref(),
        std::env::vars_os(),
        &Overrides::default(),
    )?;
    Ok(configuration)
}

pub(super) fn clients(named: &Named) -> anyhow::Result<Clients> {
    let path = ClientsFile::path(named)?;
    Ok(Clients::load(&ClientsFiles::read(&path)?)?)
}

/// The clients whose operations are checked: the registered ones, and the binary's own for its REST routes.
fn checked(named: &Named, name: Option<&str>) -> anyhow::Result<Vec<Arc<RegisteredClient>>> {
    let configuration = configuration(named)?;
    let own = configuration.rest.enabled.then(rest::client).transpose()?;
    let own = own.map(Arc::new);
    if name == Some(rest::CLIENT)
        && let Some(own) = own
    {
        return Ok(vec![own]);
    }
    let nobody_else = named.clients.is_none() && configuration.clients.file.is_none();
    if name.is_none() && nobody_else && own.is_some() {
        return Ok(own.into_iter().collect());
    }
    let clients = clients(named)?;
    let mut chosen = chosen(&clients, name)?;
    chosen.extend(own.filter(|_| name.is_none()));
    Ok(chosen)
}

fn chosen(clients: &Clients, name: Option<&str>) -> anyhow::Result<Vec<Arc<RegisteredClient>>> {
    match name {
        None => Ok(clients.iter().cloned().collect()),
        Some(name) => match clients.by_name(name) {
            Some(client) => Ok(vec![client.clone()]),
            None => bail!("client `{name}` does not exist"),
        },
    }
}

/// This binary's schema, as written by `vantage schema export`.
const SUPERGRAPH: &str = include_str!("../../../schema/supergraph.graphql");

/// A router that only validates operations, over a supergraph or over this binary's schema.
fn schema(named: &Named, supergraph: Option<&Path>) -> anyhow::Result<Router> {
    let configuration = configuration(named)?;
    let builder = Router::builder()
        .limits(configuration.router.limits)
        .override_labels(configuration.router.override_labels)
        // Suggests the nearest known field.
        .development(true)
        .calling_nobody();
    let Some(file) = supergraph else {
        return Ok(builder.supergraph(SUPERGRAPH).build()?);
    };
    let shown = file.display();
    let sdl = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let router = builder.supergraph(&sdl).build();
    router.with_context(|| format!("{shown} is not usable"))
}

/// Prints a line for each operation. Lists sized by a variable without a default count with the default list size.
async fn cost(clients: &[Arc<RegisteredClient>], router: &Router) -> anyhow::Result<()> {
    for client in clients {
        for operation in client.operations.iter() {
            let cost = router.cost_by_default(&operation.request()).await;
            let cost = cost.map_err(|refused| {
                let reasons = refused.errors.iter().map(|error| &*error.message);
                let (name, reasons) = (&operation.name, reasons.collect::<Vec<_>>().join(" "));
                anyhow!("operation {name} of client {}: {reasons}", client.name)
            })?;
            let limit = router.cost_limit(client);
            output::line(&format!(
                "{} {} cost={cost} limit={limit}",
                client.name, operation.name
            ))?;
        }
    }
    Ok(())
}

fn list(clients: &[Arc<RegisteredClient>]) -> anyhow::Result<()> {
    for client in clients {
        for operation in client.operations.iter() {
            output::line(&format!(
                "{} {} {} id={} manifest={}",
                client.name,
                operation.kind.name(),
                operation.name,
                operation.id,
                operation.manifest.display()
            ))?;
        }
    }
    Ok(())
}
