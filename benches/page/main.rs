//! Measures the storefront's account page, which needs all six subgraphs: the graph in one process against a router and
//! six processes, against bare SQL, its memory and startup time, and what it serves when more is requested than it can do.

mod attack;
mod cached;
mod compare;
mod graph;
mod live;
mod load;
mod overload;
#[path = "../subscriptions/parcel.rs"]
mod parcel;
mod process;
mod sql;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::Utc;
use clap::Parser;

use compare::{Load, Loaded, median, shown};
use graph::Graph;
use load::{Connection, Page, Run};
use sql::Sql;

/// A business customer with more than a hundred orders.
const CUSTOMER: &str = "customer1@vantage.example";

/// The account page with the customer's newest orders.
fn query(orders: u64) -> String {
    format!(
        "{{ me {{ name orders(first: {orders}) {{ totalCount nodes {{ id status total {{ formatted }} \
         totalUsd {{ amount }} items {{ productName product {{ title imageUrl price(currency: EUR) \
         {{ current {{ amount {{ formatted }} exchangeRate {{ freshness }} }} }} }} returnEligibility \
         {{ eligible returnDeadline reasons {{ code }} }} }} shipments {{ carrier status \
         estimatedDelivery }} returns {{ status nextStep }} }} }} notificationPreferences {{ \
         preferences {{ channel category enabled }} }} }} }}"
    )
}

#[derive(Parser)]
struct Arguments {
    /// Pairs of runs.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of a run, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Keep-alive connections under load.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Orders on the page.
    #[arg(long, default_value_t = 20)]
    orders: u64,
    /// Only compare the graph in one process with another build of the binary.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Only compare the graph in one process with the same subgraphs behind another router; benches/README.md explains
    /// how to build it.
    #[arg(long, value_name = "FILE")]
    peer: Option<PathBuf>,
    /// Only load the graph in one process, for profiling.
    #[arg(long)]
    profile: bool,
    /// Only compare the page alone with the page during an attack, refused and admitted.
    #[arg(long)]
    attack: bool,
    /// Only compare the graph in one process with the entity cache and without it, on this page and on a visitor's search.
    #[arg(long)]
    cache: bool,
    /// Only offer the graph in one process twice the rate that fits, with live subscriptions beside it.
    #[arg(long)]
    overload: bool,
    /// Fail unless goodput and latencies stay.
    #[arg(long, requires = "overload")]
    check: bool,
    /// Without overload protection, for comparison.
    #[arg(long, requires = "overload")]
    unprotected: bool,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let time = Duration::from_secs_f64(arguments.seconds);
    let data = tempfile::tempdir()?;
    let data = data.path();
    println!("{}", graph::run(data, &["seed"]).await?);
    if arguments.overload {
        let plan = overload::Plan {
            time,
            rounds: arguments.rounds,
            protected: !arguments.unprotected,
        };
        let is_met = plan.measure(data, &query(arguments.orders)).await?;
        ensure!(is_met || !arguments.check, "a target is missed");
        return Ok(());
    }
    let token = graph::run(data, &["token", "--customer", CUSTOMER]).await?;
    let demo_token = graph::run(data, &["token", "--demo"]).await?;
    let page = Page::new(&query(arguments.orders), Some(&token));
    let demo_page = Page::new(&query(arguments.orders), Some(&demo_token));

    // A data directory can be used by one process, or by one per domain.
    let other_data = tempfile::tempdir()?;
    let other_data = other_data.path();
    copy(data, other_data)?;
    if arguments.attack {
        let (connections, rounds) = (arguments.connections, arguments.rounds);
        return attack::measure(data, other_data, &page, &token, connections, time, rounds).await;
    }
    if arguments.cache {
        let load = Load {
            rounds: arguments.rounds,
            connections: arguments.connections,
            time,
        };
        return cached::measure(data, other_data, &page, load).await;
    }
    let local = Graph::in_process(data, &[]).await?;
    if arguments.profile {
        println!("process {} is under load", local.processes[0].id());
        let run = page
            .load(local.address(), arguments.connections, time)
            .await?;
        println!("{}", shown(&run));
        return Ok(());
    }
    if let Some(other) = &arguments.against {
        let other = Graph::from_binary(other, other_data, &[]).await?;
        return builds(&arguments, time, &local, &other, &page).await;
    }
    if let Some(peer) = &arguments.peer {
        let peer = Graph::behind_peer(&std::path::absolute(peer)?, other_data).await?;
        let search = cached::search_page();
        let connections = arguments.connections;
        println!("\nIn one process, without the entity cache | over HTTP behind the other router");
        for page in [&page, &search] {
            alternate(&arguments, time, [&local, &peer], connections, page).await?;
        }
        drop(local);
        let local = Graph::in_process(data, &[cached::WITH_CACHE]).await?;
        println!("\nIn one process, with it | over HTTP behind the other router");
        for page in [&page, &search] {
            alternate(&arguments, time, [&local, &peer], connections, page).await?;
        }
        return Ok(());
    }
    start(other_data).await?;
    let remote = Graph::over_http(other_data, &[]).await?;
    println!("\nMemory idle, MB (in one process; over HTTP)");
    memory(&local, &remote)?;
    layouts(&arguments, time, &local, &remote, &page).await?;
    println!("\nMemory after the load");
    memory(&local, &remote)?;
    drop(remote);
    bare_sql(&arguments, time, &local, &page, data).await?;
    let run = demo_page.load(local.address(), 1, time).await?;
    println!(
        "\nThe demo customer's page, one connection\n  {}",
        shown(&run)
    );
    Ok(())
}

/// Copies a directory that is not in use, recursively.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// Startup time until `/readyz` responds, on existing databases.
async fn start(data: &Path) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let graph = Graph::in_process(data, &[]).await?;
        times.push(graph.processes[0].start.as_secs_f64() * 1e3);
    }
    println!("\nStartup of serve: {:.0} ms (median of 5)", median(times));
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn memory(local: &Graph, remote: &Graph) -> anyhow::Result<()> {
    println!(
        "  {:.0}; {:.0} together, {:.0} the router",
        megabytes(local.memory()?),
        megabytes(remote.memory()?),
        megabytes(remote.processes[0].memory()?),
    );
    Ok(())
}

/// The graph in one process against the same graph over HTTP.
async fn layouts(
    arguments: &Arguments,
    time: Duration,
    local: &Graph,
    remote: &Graph,
    page: &Page,
) -> anyhow::Result<()> {
    println!("\nIn one process | over HTTP");
    alternate(
        arguments,
        time,
        [local, remote],
        arguments.connections,
        page,
    )
    .await
}

/// The graph in one process against another build.
async fn builds(
    arguments: &Arguments,
    time: Duration,
    this: &Graph,
    other: &Graph,
    page: &Page,
) -> anyhow::Result<()> {
    println!("\nThis build | the other build");
    for connections in [arguments.connections, 1] {
        alternate(arguments, time, [this, other], connections, page).await?;
    }
    println!(
        "\nMemory after the load: {:.0} | {:.0} MB",
        megabytes(this.memory()?),
        megabytes(other.memory()?)
    );
    Ok(())
}

/// Loads two graphs in turn and compares them pair by pair.
async fn alternate(
    arguments: &Arguments,
    time: Duration,
    graphs: [&Graph; 2],
    connections: usize,
    page: &Page,
) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    for graph in graphs {
        let mut connection = Connection::open(graph.address()).await?;
        answers.push(page.fetch(&mut connection).await?);
    }
    ensure!(
        answers[0] == answers[1],
        "the graphs return different responses"
    );
    println!("  {} bytes, {connections} connections", answers[0].len());
    let load = Load {
        rounds: arguments.rounds,
        connections,
        time,
    };
    load.compare(graphs, std::slice::from_ref(page)).await
}

/// The latency of one page at a time against the SQL it needs.
async fn bare_sql(
    arguments: &Arguments,
    time: Duration,
    local: &Graph,
    page: &Page,
    data: &Path,
) -> anyhow::Result<()> {
    let sql = Sql::open(data).await?;
    let customer = sql.customer(CUSTOMER).await?;

    // The SQL is equivalent only if the number of statements is equal. The first page reads the exchange rates, which
    // are cached for the next second.
    let mut connection = Connection::open(local.address()).await?;
    page.fetch(&mut connection).await?;
    let before = (local.processes[0].statements().await?, sql.statements());
    page.fetch(&mut connection).await?;
    let (orders, items) = sql.page(customer, arguments.orders, Utc::now()).await?;
    let after = (local.processes[0].statements().await?, sql.statements());
    let (of_page, of_sql) = (after.0 - before.0, after.1 - before.1);
    println!(
        "\nOne page at a time: {orders} orders, {items} items, {of_page} statements (page | bare SQL, {of_sql} statements)"
    );
    ensure!(
        of_page == of_sql,
        "the bare SQL runs a different number of statements"
    );

    let mut medians = Vec::new();
    for _ in 0..arguments.rounds {
        let whole = page.load(local.address(), 1, time).await?;
        let begun = Instant::now();
        let mut latencies = Vec::new();
        while begun.elapsed() < time {
            let asked = Instant::now();
            sql.page(customer, arguments.orders, Utc::now()).await?;
            latencies.push(asked.elapsed());
        }
        let bare = Run::new(latencies, begun.elapsed());
        medians.push(whole.quantile(0.5) / bare.quantile(0.5));
        println!("  {} | {}", shown(&whole), shown(&bare));
    }
    println!(
        "  ratio (median of pairs): {:.2} × the p50 of the bare SQL",
        median(medians)
    );
    Ok(())
}
