//! The measured processes, with routers that store public data.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use platform::database::{Database, DatabaseConfig};
use tempfile::TempDir;
use tokio::process::Command;

use crate::graph::{self, DOMAINS, Process};

/// After their start, processes have work for a while: carriers are polled, rates fetched, preferences computed.
const SETTLE: Duration = Duration::from_secs(15);

/// The servers of separate processes.
pub(crate) struct Backends<'a> {
    pub(crate) postgres: &'a str,
    pub(crate) redis: &'a str,
}

/// A running process.
struct Named {
    name: String,
    process: Process,
}

pub(crate) struct Fleet {
    binary: PathBuf,
    data: TempDir,
    settings: Vec<(String, String)>,
    databases: DatabaseConfig,
    processes: Vec<Named>,
    /// How many of the last processes are routers.
    routers: usize,
}

impl Fleet {
    /// Everything in one process on SQLite.
    pub(crate) async fn one_process(binary: &Path) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let databases = DatabaseConfig::sqlite(data.path());
        let mut fleet = Self::new(binary, data, databases);
        fleet.routers = 1;
        fleet.start("vantage", &["serve"]).await?;
        Ok(fleet)
    }

    /// A process for each domain and two routers, on PostgreSQL and Redis.
    pub(crate) async fn separate(binary: &Path, backends: &Backends<'_>) -> anyhow::Result<Self> {
        let databases = DatabaseConfig::Postgres {
            url: backends.postgres.to_owned(),
            max_connections: 2,
            acquire_timeout: Duration::from_secs(30),
        };
        let mut fleet = Self::new(binary, tempfile::tempdir()?, databases);
        fleet.set("VANTAGE_DATABASE_URL", backends.postgres);
        fleet.set("VANTAGE_REDIS_URL", backends.redis);
        fleet.run(&["migrate"]).await?;
        fleet.run(&["seed"]).await?;
        for domain in DOMAINS {
            let address = fleet.start(domain, &["subgraph", domain]).await?;
            // Later processes call the earlier ones.
            let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
            fleet.set(&name, &format!("http://{address}/graphql"));
        }
        fleet.routers = 2;
        for name in ["first router", "second router"] {
            fleet.start(name, &["serve", "--router-only"]).await?;
        }
        Ok(fleet)
    }

    fn new(binary: &Path, data: TempDir, databases: DatabaseConfig) -> Self {
        let mut fleet = Self {
            binary: binary.to_owned(),
            data,
            settings: Vec::new(),
            databases,
            processes: Vec::new(),
            routers: 0,
        };
        fleet.set("VANTAGE_ROUTER__ENTITY_CACHE__ENABLED", "true");
        fleet.set("VANTAGE_DEMO__ORDERS", "50");
        fleet
    }

    fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// The binary with these settings.
    fn command(&self) -> Command {
        let mut command = graph::vantage(&self.binary, self.data.path());
        command
            .env("VANTAGE_TELEMETRY__LOG_LEVEL", "error")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a subcommand to completion and returns its output.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command().args(arguments).output().await?;
        ensure!(output.status.success(), "vantage {arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Starts a process, waits until it is ready, and returns its address.
    async fn start(&mut self, name: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(arguments).args(["--listen", "127.0.0.1:0"]);
        let process = Process::start(&mut command).await?;
        let address = process.address.clone();
        self.processes.push(Named {
            name: name.to_owned(),
            process,
        });
        Ok(address)
    }

    /// The addresses of the routers.
    pub(crate) fn routers(&self) -> Vec<String> {
        let routers = self.processes.iter().rev().take(self.routers);
        routers.map(|named| named.process.address.clone()).collect()
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The database of a domain.
    pub(crate) async fn database(&self, domain: &str) -> anyhow::Result<Database> {
        Ok(Database::open(&self.databases, domain).await?)
    }

    /// Prints what the processes need while nothing happens.
    pub(crate) async fn rest(&self, time: Duration) -> anyhow::Result<()> {
        tokio::time::sleep(SETTLE).await;
        let before = self.cpu()?;
        let begun = Instant::now();
        tokio::time::sleep(time).await;
        let took = begun.elapsed().as_secs_f64();
        let mut total = 0.0;
        for ((named, before), after) in self.processes.iter().zip(before).zip(self.cpu()?) {
            let share = 100.0 * (after - before).as_secs_f64() / took;
            let megabytes = named.process.memory()? / 1_000_000;
            let name = &named.name;
            println!("  at rest: {name}: {share:.2} % of a processor, {megabytes} MB");
            total += share;
        }
        println!("  at rest: together {total:.2} % of a processor");
        Ok(())
    }

    fn cpu(&self) -> anyhow::Result<Vec<Duration>> {
        let processes = self.processes.iter();
        processes.map(|named| named.process.cpu()).collect()
    }

    /// Ends the processes, the routers first.
    pub(crate) fn stop(self) {
        self.processes.into_iter().rev().for_each(drop);
    }
}
