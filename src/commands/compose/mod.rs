//! `vantage compose`: the supergraph of this program's subgraphs, or of any others, which rover's `supergraph.yaml` lists.

mod config;
mod introspection;
mod problem;

use anyhow::{Context, bail};
use futures::future::join_all;
use router::{ComposeError, compose_with_hints, omit_authorization};
use url::Url;

use self::config::{Source, SupergraphConfig};
use self::problem::{Problem, ProblemCode};
use super::schema::write;
use crate::cli::Compose;
use crate::config::{Configuration, Overrides};
use crate::domains::Domain;
use crate::output;

/// A subgraph's name, schema and URL.
struct Subgraph {
    name: String,
    sdl: String,
    url: String,
}

/// Prints the supergraph, or writes it to a file. What the composer noticed goes to standard error, a line each.
pub(crate) async fn run(command: &Compose) -> anyhow::Result<()> {
    let mut subgraphs = match &command.config {
        Some(file) => match read(file).await {
            Ok(subgraphs) => subgraphs,
            Err(problems) => return fail(&problems),
        },
        None => own()?,
    };
    for other in command.subgraph.chunks(3) {
        // The command line takes three at a time.
        if let [name, url, file] = other {
            let sdl = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the schema of {name}, {file}"))?;
            subgraphs.push(Subgraph {
                name: name.clone(),
                sdl,
                url: url.clone(),
            });
        }
    }
    let composed: Vec<_> = subgraphs
        .iter()
        .map(|subgraph| (&*subgraph.name, &*subgraph.sdl, &*subgraph.url))
        .collect();
    let composition = match compose_with_hints(&composed) {
        Ok(composition) => composition,
        Err(ComposeError { diagnostics }) => {
            let problems: Vec<_> = diagnostics.into_iter().map(Problem::from).collect();
            return fail(&problems);
        }
    };
    for hint in &composition.hints {
        output::note(&format!("hint: {hint}"));
    }
    let mut sdl = composition.sdl;
    if command.omit_authorization {
        sdl = omit_authorization(&sdl)?;
    }
    match &command.output {
        Some(file) => write(file, &sdl),
        None => output::print(&sdl),
    }
}

fn fail(problems: &[Problem]) -> anyhow::Result<()> {
    for problem in problems {
        output::note(&problem.to_string());
    }
    match problems.len() {
        1 => bail!("the supergraph was not composed: there is an error"),
        many => bail!("the supergraph was not composed: there are {many} errors"),
    }
}

/// The subgraphs of this program, with the URLs that are configured.
fn own() -> anyhow::Result<Vec<Subgraph>> {
    let variable = std::env::var_os("VANTAGE_CONFIG");
    let file = variable.as_ref().map(std::path::Path::new);
    let configuration = Configuration::load(file, std::env::vars_os(), &Overrides::default())?;
    let subgraphs = Domain::ALL.into_iter().map(|domain| {
        let name = domain.name();
        let url = configuration.subgraphs.url(name);
        Subgraph {
            name: name.to_owned(),
            sdl: domain.sdl().to_owned(),
            url: url.map_or_else(|| format!("local:{name}"), Url::to_string),
        }
    });
    Ok(subgraphs.collect())
}

/// The subgraphs of a file, in its order; those that are services are asked for their schemas, together.
async fn read(file: &std::path::Path) -> Result<Vec<Subgraph>, Vec<Problem>> {
    let config = SupergraphConfig::read(file).map_err(|problem| vec![problem])?;
    let client = introspection::client().map_err(|problem| vec![problem])?;
    let subgraphs = config.subgraphs.into_iter().map(async |subgraph| {
        let name = subgraph.name;
        let sdl = match subgraph.source {
            Source::Sdl(sdl) => sdl,
            Source::File(path) => std::fs::read_to_string(&path).map_err(|error| {
                let message = format!("cannot read {}: {error}", path.display());
                Problem::of(ProblemCode::SchemaNotRead, &name, message)
            })?,
            Source::Service { url, headers } => {
                let sdl = introspection::sdl(&client, &url, headers).await;
                sdl.map_err(|message| {
                    Problem::of(ProblemCode::IntrospectionFailed, &name, message)
                })?
            }
        };
        Ok(Subgraph {
            name,
            sdl,
            url: subgraph.routing_url,
        })
    });
    let mut read = Vec::new();
    let mut problems = Vec::new();
    for subgraph in join_all(subgraphs).await {
        match subgraph {
            Ok(subgraph) => read.push(subgraph),
            Err(problem) => problems.push(problem),
        }
    }
    match problems.is_empty() {
        true => Ok(read),
        false => Err(problems),
    }
}
