//! Measures searches over a generated catalog through the search subgraph: how long an index takes, how large it is, and how
//! long searches take, in each engine and in another one beside it.

mod catalog;
mod measure;
mod peer;
mod requests;
mod shop;
mod targets;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::{Parser, ValueEnum};
use url::Url;

use measure::{Report, memory};
use peer::Peer;
use requests::Kind;
use shop::{Indexed, Shop};

#[derive(Parser)]
struct Arguments {
    /// Products of the catalog
    #[arg(long, default_value_t = 100_000)]
    products: u64,
    /// Requests of each kind
    #[arg(long, default_value_t = 1_000)]
    requests: u64,
    /// Requests at a time
    #[arg(long, default_value_t = 1)]
    clients: u64,
    /// Where the products are indexed
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// A node of the cluster, for the other engines
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// The node's process on this machine, whose memory is read
    #[arg(long, value_name = "PID")]
    node_pid: Option<u32>,
    /// A node of OpenSearch or Elasticsearch that is measured beside it, with its own analyzers and queries
    #[arg(long, value_name = "URL")]
    peer: Option<Url>,
    /// Directory of the database and the index; those that are there are used again
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Fail if a target of this number of products is missed
    #[arg(long)]
    check: bool,
    /// Passed by `cargo bench`; ignored
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Engine {
    #[default]
    Embedded,
    #[value(name = "opensearch")]
    OpenSearch,
    Elasticsearch,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.clients > 0, "--clients must be at least 1");
    ensure!(arguments.requests > 0, "--requests must be at least 1");
    ensure!(arguments.products > 0, "--products must be at least 1");
    let temporary = tempfile::tempdir()?;
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    let shop = Shop::open(&data, &arguments).await?;
    let indexed = shop.index(arguments.products).await?;
    print_index(&indexed, arguments.products);
    println!("memory after that: {} MB", memory("self", "VmRSS:")?);

    println!("\n{}", Report::HEADER);
    let mut reports = Vec::new();
    for kind in Kind::ALL {
        let report = measure::run(&arguments, |number| shop.request(kind, number)).await?;
        println!("{}", report.line(kind.name()));
        reports.push((kind, report));
    }
    let [resident, highest] = ["VmRSS:", "VmHWM:"].map(|line| memory("self", line));
    let (resident, highest) = (resident?, highest?);
    println!("\nmemory of this process: {resident} MB, at most {highest} MB");
    if let Some(pid) = arguments.node_pid {
        let node = memory(&pid.to_string(), "VmRSS:")?;
        println!("memory of the node: {node} MB");
    }
    let missed = targets::print(&reports, &indexed, highest, arguments.products);
    if let Some(url) = &arguments.peer {
        measure_peer(url, &arguments).await?;
    }
    ensure!(!arguments.check || missed == 0, "{missed} targets missed");
    Ok(())
}

fn print_index(indexed: &Indexed, products: u64) {
    match indexed.took {
        Some(took) => println!(
            "{products} products indexed in {:.1} s, {:.0} a second",
            took.as_secs_f64(),
            rate(products, took)
        ),
        None => println!("{products} products, indexed before"),
    }
    let size = indexed
        .bytes
        .map(|bytes| format!("{} MB", bytes / 1_000_000));
    println!("size of the index: {}", size.unwrap_or_default());
}

fn rate(count: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = count as f64;
    count / took.as_secs_f64()
}

/// The same requests, as far as the peer knows them.
async fn measure_peer(url: &Url, arguments: &Arguments) -> anyhow::Result<()> {
    let peer = Peer::new(url);
    let indexed = peer.index(arguments.products).await?;
    println!("\nThe peer at {}:", url.host_str().unwrap_or_default());
    print_index(&indexed, arguments.products);
    println!("\n{}", Report::HEADER);
    for kind in Kind::ALL {
        let Some(request) = peer.request(kind) else {
            continue;
        };
        let report = measure::run(arguments, request).await?;
        println!("{}", report.line(kind.name()));
    }
    Ok(())
}
