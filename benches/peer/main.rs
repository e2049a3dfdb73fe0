//! Measures `vantage router` against another router in front of the same four HTTP subgraphs, with a page commonly used
//! in router benchmarks: nested lists, and entities three levels deep. The two run in turn.

#[path = "../page/compare.rs"]
mod compare;
mod data;
#[expect(dead_code, reason = "shared with the page, which also reads bodies")]
#[path = "../page/load.rs"]
mod load;
#[path = "../page/process.rs"]
mod process;
mod routers;
mod subgraphs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;

use compare::{Load, median, shown};
use load::{Connection, Page};
use routers::Router;

#[derive(Parser)]
struct Arguments {
    /// The other router's binary; benches/README.md explains how to build it
    #[arg(long, value_name = "FILE", required_unless_present_any = ["against", "profile", "start", "subgraphs"])]
    peer: Option<PathBuf>,
    /// Compare with another build of `vantage` instead
    #[arg(long, value_name = "FILE", conflicts_with = "peer")]
    against: Option<PathBuf>,
    /// The build of `vantage` to measure [default: the one built with this program]
    #[arg(long, value_name = "FILE")]
    vantage: Option<PathBuf>,
    /// Pairs of runs
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Length of a run, in seconds
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Reviews in the data: the response grows with their third power, to 2.8 MB with 81
    #[arg(long, value_name = "NUMBER", default_value_t = data::FEW_REVIEWS)]
    reviews: usize,
    /// Callers that take turns, with an `authorization` header each; none by default
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    callers: usize,
    /// Ask running subgraphs instead: their supergraph schema
    #[arg(long, value_name = "FILE", requires = "operation")]
    supergraph: Option<PathBuf>,
    /// The operation to send instead of the page
    #[arg(long, value_name = "FILE", requires = "supergraph")]
    operation: Option<PathBuf>,
    /// Keep-alive connections
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Do not share the answers of identical concurrent requests and fetches
    #[arg(long)]
    unshared: bool,
    /// Only load `vantage router`, for profiling
    #[arg(long)]
    profile: bool,
    /// Only measure how soon `vantage router` responds after its start, and its memory
    #[arg(long)]
    start: bool,
    /// Fail if a target of these is missed
    #[arg(long, requires = "start")]
    check: bool,
    /// Run as the subgraphs
    #[arg(long, hide = true)]
    subgraphs: bool,
    /// Passed by `cargo bench`; ignored
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.subgraphs {
        let _ = data::REVIEWS.set(arguments.reviews);
        return subgraphs::serve().await;
    }
    let (_subgraphs, supergraph) = match &arguments.supergraph {
        Some(file) => (None, read(file)?),
        None => {
            let (process, ports) = routers::subgraphs(arguments.reviews).await?;
            (Some(process), routers::supergraph(&ports))
        }
    };
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    std::fs::write(directory.join("supergraph.graphql"), supergraph)?;
    let operation = match &arguments.operation {
        Some(file) => read(file)?,
        None => include_str!("operation.graphql").to_owned(),
    };
    let page = Page::new(&operation, None);
    let callers = (0..arguments.callers).map(|number| format!("caller-{number}"));
    let mut pages: Vec<Page> = callers
        .map(|token| Page::new(&operation, Some(&token)))
        .collect();
    if pages.is_empty() {
        pages.push(page.clone());
    }
    let time = Duration::from_secs_f64(arguments.seconds);
    let share = !arguments.unshared;

    let built = || PathBuf::from(env!("CARGO_BIN_EXE_vantage"));
    let vantage = routers::program(&arguments.vantage.clone().unwrap_or_else(built))?;
    if arguments.profile {
        let router = Router::vantage("vantage router", &vantage, directory, share).await?;
        println!("process {} is under load", router.id());
        let connections = arguments.connections;
        let run = page.load(&router.address, connections, time).await?;
        println!("{}", shown(&run));
        return Ok(());
    }
    if arguments.start {
        return start(&arguments, &vantage, directory, &page).await;
    }
    let other = arguments.peer.as_ref().or(arguments.against.as_ref());
    let other = routers::program(other.context("--peer is missing")?)?;
    let ours = Router::vantage("vantage router", &vantage, directory, share).await?;
    if arguments.against.is_some() {
        let other = Router::vantage("the other build", &other, directory, share).await?;
        return compare(&arguments, time, [&ours, &other], &pages).await;
    }
    for mode in routers::PEER_MODES {
        let other = Router::peer(&other, directory, share, mode).await?;
        compare(&arguments, time, [&ours, &other], &pages).await?;
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Starts the router repeatedly, and measures its first response and its first page.
async fn start(
    arguments: &Arguments,
    vantage: &Path,
    directory: &Path,
    page: &Page,
) -> anyhow::Result<()> {
    let share = !arguments.unshared;
    let (mut responses, mut pages, mut idle, mut used) = (vec![], vec![], vec![], vec![]);
    for _ in 0..arguments.rounds {
        let router = Router::vantage("vantage router", vantage, directory, share).await?;
        responses.push(router.start.as_secs_f64() * 1e3);
        idle.push(router.memory()?);
        let mut connection = Connection::open(&router.address).await?;
        page.fetch(&mut connection).await?;
        pages.push(router.begun.elapsed().as_secs_f64() * 1e3);
        used.push(router.memory()?);
    }
    let (response, idle) = (median(responses), median(idle));
    println!(
        "vantage router, median of {} starts: first response after {response:.0} ms (target: at most 50), first page after \
         {:.0} ms; memory idle {idle:.1} MB (target: at most 30), after the page {:.1} MB",
        arguments.rounds,
        median(pages),
        median(used)
    );
    ensure!(
        !arguments.check || (response <= 50.0 && idle <= 30.0),
        "a target is missed"
    );
    Ok(())
}

/// Loads two routers with equal responses in turn, and prints their costs.
async fn compare(
    arguments: &Arguments,
    time: Duration,
    routers: [&Router; 2],
    pages: &[Page],
) -> anyhow::Result<()> {
    let [ours, other] = routers;
    println!("{} | {}", ours.name, other.name);
    println!(
        "  memory idle {:.1} | {:.1} MB",
        ours.memory()?,
        other.memory()?
    );
    let mut answers = Vec::new();
    let page = pages.first().context("no page")?;
    for router in routers {
        let mut connection = Connection::open(&router.address).await?;
        let answer = page.fetch(&mut connection).await;
        answers.push(answer.with_context(|| format!("{} fails", router.name))?);
    }
    let json = |answer: &[u8]| serde_json::from_slice::<serde_json::Value>(answer);
    ensure!(
        json(&answers[0])? == json(&answers[1])?,
        "the routers return different responses"
    );
    println!(
        "  equal responses of {} and {} bytes, {} connections",
        answers[0].len(),
        answers[1].len(),
        arguments.connections
    );
    let load = Load {
        rounds: arguments.rounds,
        connections: arguments.connections,
        time,
    };
    load.compare(routers, pages).await?;
    println!(
        "  memory after the load {:.1} | {:.1} MB, {:.2} ×",
        ours.memory()?,
        other.memory()?,
        ours.memory()? / other.memory()?
    );
    Ok(())
}
