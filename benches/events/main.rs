//! From a change to whoever waits for its event: the consumer groups, and the routers, which no longer use what they have
//! stored. In one process on SQLite, and in separate processes on PostgreSQL and Redis. Also what processes at rest cost.

mod changes;
#[expect(dead_code, reason = "shared with the page, which compares two graphs")]
#[path = "../page/compare.rs"]
mod compare;
mod figures;
mod fleet;
#[expect(dead_code, reason = "shared with the page, which has other layouts")]
#[path = "../page/graph.rs"]
mod graph;
#[expect(dead_code, reason = "shared with the page, which puts it under load")]
#[path = "../page/load.rs"]
mod load;
#[path = "../page/process.rs"]
mod process;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Parser;

use crate::changes::Changes;
use crate::figures::Latencies;
use crate::fleet::{Backends, Fleet};

/// The most that a router may use a value after its change, at the 99th percentile.
const FRESH: Duration = Duration::from_millis(50);

#[derive(Parser)]
struct Arguments {
    /// Prices that are changed by a mutation, one after another.
    #[arg(long, default_value_t = 200)]
    changes: usize,
    /// Prices that are changed by `vantage prices import`: a process that only writes.
    #[arg(long, default_value_t = 20)]
    imports: usize,
    /// Seconds for which the processes are left at rest.
    #[arg(long, default_value_t = 30)]
    rest: u64,
    /// An empty database of PostgreSQL. With --redis, also measures separate processes.
    #[arg(long, value_name = "URL", requires = "redis")]
    postgres: Option<String>,
    #[arg(long, value_name = "URL", requires = "postgres")]
    redis: Option<String>,
    /// Another build of `vantage`, instead of the one built with this program.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Fail if a target is missed.
    #[arg(long)]
    check: bool,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let built = PathBuf::from(env!("CARGO_BIN_EXE_vantage"));
    let binary = arguments.binary.clone().unwrap_or(built);
    println!("one process on SQLite");
    let fleet = Fleet::one_process(&binary).await?;
    let mut is_fresh = measure(&arguments, fleet).await?;
    if let (Some(postgres), Some(redis)) = (&arguments.postgres, &arguments.redis) {
        println!("six subgraphs and two routers on PostgreSQL and Redis");
        let backends = Backends { postgres, redis };
        let fleet = Fleet::separate(&binary, &backends).await?;
        is_fresh &= measure(&arguments, fleet).await?;
    }
    ensure!(!arguments.check || is_fresh, "a target is missed");
    Ok(())
}

/// Prints everything, and returns whether the routers were fresh in time after mutations.
async fn measure(arguments: &Arguments, fleet: Fleet) -> anyhow::Result<bool> {
    fleet.rest(Duration::from_secs(arguments.rest)).await?;
    let mutations = {
        let changes = Changes::of(&fleet).await?;
        let mutations = changes.run(arguments.changes, Changes::mutate).await?;
        print("mutation", &mutations);
        let imports = changes.run(arguments.imports, Changes::import).await?;
        print("import", &imports);
        mutations
    };
    fleet.stop();
    Ok(mutations.routers.percentile(99) <= FRESH)
}

fn print(change: &str, outcome: &changes::Outcome) {
    let line = |what: &str, latencies: &Latencies| println!("  {change}: {what}: {latencies}");
    line("published", &outcome.published);
    for (group, latencies) in &outcome.groups {
        line(&format!("handled by {group}"), latencies);
    }
    line("every router fresh", &outcome.routers);
}
