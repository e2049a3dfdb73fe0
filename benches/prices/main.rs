//! Measures the pricing subgraph in process: the prices of a thousand products in one request, and the import of a
//! file of prices.

#[path = "../database/mod.rs"]
mod database;

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_graphql::{Request, Variables};
use clap::Parser;
use entities::pricing::exchange_rate;
use platform::caller::Caller;
use platform::clock::Clock;
use pricing::price_import::{FileFormat, ImportOptions, Progress, import};
use pricing::{Migrator, State, subgraph};
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use serde_json::{Value, json};
use uuid::Uuid;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a list of products shows, and what a page of one shows.
const SELECTIONS: [(&str, &str); 2] = [
    ("the price to pay", "current { amount { formatted } }"),
    (
        "the price to pay, its rate and the former price",
        "current { amount { formatted } exchangeRate { freshness } } compareAt { amount { amount } }",
    ),
];

#[derive(Parser)]
struct Arguments {
    /// Products of a request.
    #[arg(long, default_value_t = 1_000)]
    products: u32,
    /// Requests, one after another.
    #[arg(long, default_value_t = 300)]
    requests: usize,
    /// Lines of the file.
    #[arg(long, default_value_t = 100_000)]
    lines: u32,
    /// An empty database on PostgreSQL, instead of SQLite.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir()?;
    let postgres = arguments.postgres.as_deref();
    let database = database::open::<Migrator>("pricing", directory.path(), postgres).await?;
    let state = State::new(database.clone(), Clock::system());
    measure_import(&state, arguments.lines.max(arguments.products)).await?;
    let now = state.clock.now();
    let rate = exchange_rate::Model {
        currency: "EUR".to_owned(),
        rate: "0.9184".to_owned(),
        source: "bench".to_owned(),
        as_of: now,
        fetched_at: now,
    };
    exchange_rate::put_rates(database.write(), vec![rate]).await?;
    measure_requests(&state, &arguments).await
}

fn product(number: u32) -> String {
    IdKind::Product.format(Uuid::from_u128(u128::from(number) << 64))
}

async fn measure_import(state: &State, lines: u32) -> anyhow::Result<()> {
    let mut file = b"productId,baseUsd,compareAtUsd,kind,percent,validTo\n".to_vec();
    for number in 0..lines {
        let (id, dollars) = (product(number), 1 + number % 500);
        writeln!(
            file,
            "{id},{dollars}.99,{},sale,-10,2099-01-01T00:00:00Z",
            dollars + 50
        )?;
    }
    let options = |dry_run| ImportOptions {
        format: FileFormat::Csv,
        reason: "measured".to_owned(),
        actor: "bench".to_owned(),
        dry_run,
    };
    let mut problems = 0;
    let mut tell = |progress: Progress<'_>| {
        problems += usize::from(matches!(progress, Progress::Problem { .. }));
    };
    let size = file.len() / 1_000_000;
    for (what, dry_run) in [
        ("dry run", true),
        ("new prices", false),
        ("changed prices", false),
    ] {
        let (before, began) = (memory()?, Instant::now());
        let source = Cursor::new(file.clone());
        let report = import(state, source, options(dry_run), &mut tell).await?;
        println!(
            "import of {} lines ({size} MB), {what}: {:.1} s, memory +{} MB",
            report.changes,
            began.elapsed().as_secs_f64(),
            memory()?.saturating_sub(before),
        );
    }
    ensure!(problems == 0, "{problems} lines were refused");
    Ok(())
}

/// The most memory that was resident, in megabytes.
fn memory() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.context("a peak")?.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse::<u64>()? / 1_024)
}

async fn measure_requests(state: &State, arguments: &Arguments) -> anyhow::Result<()> {
    let subgraph = subgraph(state.clone());
    let representation = |number| json!({ "__typename": "Product", "id": product(number) });
    let products: Vec<Value> = (0..arguments.products).map(representation).collect();
    let variables = json!({ "products": products });
    let (statements, _) = ask(&subgraph, state, SELECTIONS[0].1, &variables).await?;
    ensure!(
        statements == 2,
        "{statements} statements: one for prices and one for rates"
    );
    for (what, selection) in SELECTIONS {
        let mut times = Vec::with_capacity(arguments.requests);
        let mut statements = 0;
        for _ in 0..arguments.requests {
            let (needed, took) = ask(&subgraph, state, selection, &variables).await?;
            statements += needed;
            times.push(took);
        }
        times.sort_unstable();
        let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
        println!(
            "{} products in one request, {what}: p50 {:.2} ms, p99 {:.2} ms, {:.2} statements",
            arguments.products,
            at(50),
            at(99),
            statements as f64 / times.len() as f64,
        );
    }
    Ok(())
}

/// Asks once; returns the number of statements and the time.
async fn ask(
    subgraph: &Subgraph,
    state: &State,
    selection: &str,
    variables: &Value,
) -> anyhow::Result<(u64, Duration)> {
    let query = format!(
        "query($products: [_Any!]!) {{ _entities(representations: $products) {{
            ... on Product {{ price(currency: EUR) {{ {selection} }} }}
        }} }}"
    );
    let request = Request::new(query).variables(Variables::from_json(variables.clone()));
    let (before, began) = (state.database.statements(), Instant::now());
    let response = subgraph.execute(request, Caller::default()).await;
    let took = began.elapsed();
    ensure!(response.errors.is_empty(), "{:?}", response.errors);
    Ok((state.database.statements() - before, took))
}
