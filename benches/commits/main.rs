//! Cost of durable commits: many writers commit to one SQLite database, alternating between `synchronous: full` and
//! `normal`, with sequential commits under SQLite's own `synchronous=FULL` for comparison.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use futures::future::try_join_all;
use platform::database::{Database, DatabaseConfig, Synchronous};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// Required share of the commit rate without durability.
const WANTED: f64 = 0.8;

#[derive(Parser)]
struct Arguments {
    /// Concurrent writers.
    #[arg(long, default_value_t = 50)]
    writers: usize,
    /// Duration of each run.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Pairs of runs; the ratio is the median.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// Directory of the databases, which decides what a sync costs. Default: `target`.
    #[arg(long)]
    directory: Option<std::path::PathBuf>,
    /// Fail if the ratio is below the target.
    #[arg(long)]
    check: bool,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut ratios = Vec::new();
    for pair in 1..=arguments.pairs {
        let full = run(&arguments, Synchronous::Full, false).await?;
        let normal = run(&arguments, Synchronous::Normal, false).await?;
        let alone = run(&arguments, Synchronous::Normal, true).await?;
        let ratio = full / normal;
        println!(
            "{pair}: full {full:.0}/s, normal {normal:.0}/s, SQLite's FULL {alone:.0}/s; full/normal {ratio:.2}"
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).context("no pairs")?;
    let writers = arguments.writers;
    println!("{writers} writers: full/normal {median:.2} (median), wanted {WANTED}");
    ensure!(!arguments.check || *median >= WANTED, "below the target");
    Ok(())
}

/// Commits per second.
async fn run(
    arguments: &Arguments,
    synchronous: Synchronous,
    syncs_itself: bool,
) -> anyhow::Result<f64> {
    let root = arguments.directory.as_deref().unwrap_or(Path::new("."));
    let directory = tempfile::tempdir_in(root)?;
    let config = DatabaseConfig::Sqlite {
        directory: directory.path().to_owned(),
        synchronous,
    };
    let database = Database::open(&config, "commits").await?;
    let tables = "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer BIGINT NOT NULL, content TEXT NOT NULL);
         CREATE INDEX orders_customer ON orders (customer);
         CREATE TABLE events (id INTEGER PRIMARY KEY, order_id BIGINT NOT NULL, content TEXT NOT NULL)";
    database.write().execute_unprepared(tables).await?;
    if syncs_itself {
        let full = "PRAGMA synchronous = FULL";
        database.write().execute_unprepared(full).await?;
    }
    let ids = AtomicU64::new(1);
    let started = Instant::now();
    let deadline = started + Duration::from_secs(arguments.seconds);
    let writers = (0..arguments.writers).map(|_| async {
        while Instant::now() < deadline {
            commit(&database, ids.fetch_add(1, Ordering::Relaxed)).await?;
        }
        Ok::<_, DbErr>(())
    });
    try_join_all(writers).await?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "precision is irrelevant for a rate"
    )]
    let commits = (ids.load(Ordering::Relaxed) - 1) as f64;
    let rate = commits / started.elapsed().as_secs_f64();
    database.close().await;
    Ok(rate)
}

/// A change and its event.
async fn commit(database: &Database, id: u64) -> Result<(), DbErr> {
    let id = i64::try_from(id).unwrap_or(i64::MAX);
    let transaction = database.begin().await?;
    for (sql, other) in [
        (
            "INSERT INTO orders (id, customer, content) VALUES ($1, $2, $3)",
            id % 1_000,
        ),
        (
            "INSERT INTO events (id, order_id, content) VALUES ($1, $2, $3)",
            id,
        ),
    ] {
        let values = [id.into(), other.into(), "x".repeat(300).into()];
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        transaction.execute_raw(statement).await?;
    }
    transaction.commit().await
}
