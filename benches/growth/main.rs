//! Measures what a page, a search, a look at parcels and an order cost in shops of growing size, one request at a time: all
//! should cost about the same in the largest shop as in the smallest.

#[expect(dead_code, reason = "shared with the page, which compares two graphs")]
#[path = "../page/compare.rs"]
mod compare;
mod cost;
#[expect(dead_code, reason = "shared with the page, which has other layouts")]
#[path = "../page/graph.rs"]
mod graph;
#[expect(dead_code, reason = "shared with the page, which has many connections")]
#[path = "../page/load.rs"]
mod load;
#[path = "../page/process.rs"]
mod process;
mod requests;
mod shop;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;

use cost::Cost;
use graph::Graph;
use requests::Requests;
use shop::Size;

/// What a kind of request costs, and how much more it may cost in the largest shop.
struct Measured {
    name: &'static str,
    most: f64,
    cost: Cost,
}

#[derive(Parser)]
struct Arguments {
    /// Numbers of orders and products of each shop, the smallest first
    #[arg(
        long,
        value_name = "ORDERS:PRODUCTS",
        value_delimiter = ',',
        default_values = ["2000:500", "50000:10000", "1000000:100000"]
    )]
    shops: Vec<Size>,
    /// Keep the shops in this directory for the next run; the largest takes some 10 GB
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A PostgreSQL server that gets a database for each shop, instead of SQLite
    #[arg(long, value_name = "URL")]
    postgres: Option<url::Url>,
    /// How long each kind of request is measured, in seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Fail if a request costs more processor time in the largest shop: 1.5 × as much, for searches 5 ×
    #[arg(long)]
    check: bool,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let time = Duration::from_secs_f64(arguments.seconds);
    let scratch = tempfile::tempdir()?;
    let directory = arguments.data.as_deref().unwrap_or(scratch.path());
    // By shop, then by kind of request.
    let mut measured = Vec::new();
    for size in &arguments.shops {
        let data = shop::seeded(*size, directory, arguments.postgres.as_ref()).await?;
        let begun = Instant::now();
        let graph = Graph::in_process(&data, &[]).await?;
        let requests = Requests::of(&graph, &data).await?;
        println!("\n{size}, ready after {:.1?}", begun.elapsed());
        let mut costs = Vec::new();
        for kind in requests.kinds() {
            let cost = cost::measure(&graph, &kind, time).await?;
            println!("  {:<28} {cost}", kind.name);
            costs.push(Measured {
                name: kind.name,
                most: kind.most,
                cost,
            });
        }
        let background = cost::background(&graph, time).await?;
        println!(
            "  {:<28} cpu {background:6.3} ms each second",
            "background work"
        );
        println!("  {:<28} {} MB", "memory", graph.memory()? / 1_000_000);
        measured.push(costs);
    }
    let is_flat = print_ratios(&measured)?;
    ensure!(
        is_flat || !arguments.check,
        "a request costs too much in the largest shop"
    );
    Ok(())
}

/// Compares the largest shop with the smallest; returns whether no request costs more than it may.
fn print_ratios(measured: &[Vec<Measured>]) -> anyhow::Result<bool> {
    let first = measured.first().context("no shop")?;
    let last = measured.last().context("no shop")?;
    println!("\nThe largest shop against the smallest: processor time, p50, p99");
    let mut is_flat = true;
    for (small, large) in first.iter().zip(last) {
        let ratio = large.cost.cpu / small.cost.cpu;
        println!(
            "  {:<28} {ratio:5.2} × {:5.2} × {:5.2} ×",
            small.name,
            large.cost.p50 / small.cost.p50,
            large.cost.p99 / small.cost.p99
        );
        is_flat &= ratio <= small.most;
    }
    Ok(is_flat)
}
