//! The measured processes: the whole graph in one, or a router and six subgraphs, over the same databases.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::compare::Loaded;
use crate::load::Connection;
use crate::process;

pub(crate) const DOMAINS: [&str; 6] = [
    "orders",
    "pricing",
    "returns",
    "notifications",
    "search",
    "tracking",
];

/// Polling interval until the other router listens.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The binary built with this program.
const VANTAGE: &str = env!("CARGO_BIN_EXE_vantage");

/// The binary over this data directory, without the developer's environment settings.
pub(crate) fn vantage(binary: &Path, data: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VANTAGE_") {
            command.env_remove(name);
        }
    }
    command
        .env("VANTAGE_DATA", data)
        // Links to pictures, which would name each process's own port.
        .env("VANTAGE_PUBLIC_URL", "http://127.0.0.1:4000")
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "warn")
        // All connections request the same page; `--cache` measures it.
        .env("VANTAGE_ROUTER__ENTITY_CACHE__ENABLED", "false")
        .current_dir(data)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a subcommand to completion and returns its output.
pub(crate) async fn run(data: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = vantage(VANTAGE.as_ref(), data)
        .args(arguments)
        .output()
        .await?;
    if !output.status.success() {
        bail!("vantage {arguments:?}: {output:?}");
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A listening process.
pub(crate) struct Process {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Time from its start until `/readyz` returned 200.
    pub(crate) start: Duration,
}

impl Process {
    pub(crate) async fn start(command: &mut Command) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().context("the output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let url = loop {
            let line = lines.next_line().await?;
            let line = line.context("the process exited before listening")?;
            if let Some((_, url)) = line.split_once("listening on http://") {
                break url.to_owned();
            }
        };
        let address = url.split('/').next().unwrap_or_default().to_owned();
        // Drain later output, so that the pipe does not fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut connection = Connection::open(&address).await?;
        while connection.get("/readyz").await?.status != 200 {
            tokio::task::yield_now().await;
        }
        let start = begun.elapsed();
        Ok(Self {
            child,
            address,
            start,
        })
    }

    /// Starts a process that prints no address, at a free address.
    async fn listening(command: &mut Command, address: String) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut child = command.spawn()?;
        while TcpStream::connect(&address).await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("the other router exited before listening: {status}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(Self {
            child,
            address,
            start: begun.elapsed(),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        process::memory(self.id())
    }

    /// Processor time used by its threads so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu(self.id())
    }

    /// SQL statements run so far.
    pub(crate) async fn statements(&self) -> anyhow::Result<u64> {
        let metrics = Connection::open(&self.address)
            .await?
            .get("/metrics")
            .await?;
        let metrics = String::from_utf8(metrics.body)?;
        metrics
            .lines()
            .filter(|line| line.starts_with("vantage_sql_statements_total"))
            .filter_map(|line| line.rsplit(' ').next())
            .map(|count| Ok(count.parse::<u64>()?))
            .sum()
    }
}

impl Drop for Process {
    /// Waits until the process has ended, since another one may need its locks.
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.start_kill();
        while let Ok(None) = self.child.try_wait() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A process per domain, with these settings.
async fn subgraphs(
    data: &Path,
    variables: &[(&str, &str)],
) -> anyhow::Result<Vec<(&'static str, Process)>> {
    let mut subgraphs = Vec::new();
    for domain in DOMAINS {
        let mut command = vantage(VANTAGE.as_ref(), data);
        command
            .args(["subgraph", domain, "--listen", "127.0.0.1:0"])
            .envs(variables.iter().copied())
            // Later processes call the earlier ones.
            .envs(settings(&subgraphs));
        subgraphs.push((domain, Process::start(&mut command).await?));
    }
    Ok(subgraphs)
}

/// Settings with these subgraphs' URLs, for another process.
fn settings(subgraphs: &[(&str, Process)]) -> impl Iterator<Item = (String, String)> {
    subgraphs.iter().map(|(domain, process)| {
        let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
        (name, format!("http://{}/graphql", process.address))
    })
}

/// The other router passes customers' tokens on, and the subgraphs verify them.
fn peer_config(port: u16) -> String {
    format!(
        "supergraph:\n  source: file\n  path: ./supergraph.graphql\n\
         http:\n  host: 127.0.0.1\n  port: {port}\n\
         log:\n  level: warn\n\
         authorization:\n  directives:\n    enabled: false\n\
         headers:\n  all:\n    request:\n      - propagate:\n          named: authorization\n\
         traffic_shaping:\n  http_client_mode: per_worker\n  router:\n    dedupe:\n      enabled: true\n"
    )
}

/// A configuration variable and its value.
pub(crate) type Setting<'a> = (&'static str, &'a str);

/// A running graph: its router first, then its subgraphs if separate.
pub(crate) struct Graph {
    pub(crate) processes: Vec<Process>,
}

impl Graph {
    /// Everything in one process.
    pub(crate) async fn in_process(data: &Path, settings: &[Setting<'_>]) -> anyhow::Result<Self> {
        Self::from_binary(VANTAGE.as_ref(), data, settings).await
    }

    /// Everything in one process of another build.
    pub(crate) async fn from_binary(
        binary: &Path,
        data: &Path,
        settings: &[Setting<'_>],
    ) -> anyhow::Result<Self> {
        let mut command = vantage(binary, data);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(settings.iter().copied());
        Ok(Self {
            processes: vec![Process::start(&mut command).await?],
        })
    }

    /// Six subgraph processes behind a router.
    pub(crate) async fn over_http(data: &Path, more: &[Setting<'_>]) -> anyhow::Result<Self> {
        let subgraphs = subgraphs(data, &[]).await?;
        let mut command = vantage(VANTAGE.as_ref(), data);
        command
            .args(["serve", "--router-only", "--listen", "127.0.0.1:0"])
            // All connections belong to one customer, so identical fetches would be deduplicated. In reality, customers
            // load different pages.
            .env("VANTAGE_ROUTER__SHARE_FETCHES", "false")
            .envs(more.iter().copied())
            .envs(settings(&subgraphs));
        Ok(Self::behind(Process::start(&mut command).await?, subgraphs))
    }

    /// Six subgraph processes behind another router, which passes tokens on.
    pub(crate) async fn behind_peer(peer: &Path, data: &Path) -> anyhow::Result<Self> {
        let verified = [("VANTAGE_SUBGRAPH__VERIFY_TOKENS", "true")];
        let subgraphs = subgraphs(data, &verified).await?;
        let supergraph = data.join("supergraph.graphql");
        let composed = vantage(VANTAGE.as_ref(), data)
            .args(["compose", "--output"])
            .arg(supergraph)
            .envs(settings(&subgraphs))
            .status()
            .await?;
        ensure!(composed.success(), "vantage compose: {composed}");
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let config = data.join("peer.yaml");
        std::fs::write(&config, peer_config(port))?;
        let mut command = Command::new(peer);
        command
            .env("ROUTER_CONFIG_FILE_PATH", &config)
            .current_dir(data)
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let router = Process::listening(&mut command, format!("127.0.0.1:{port}")).await?;
        Ok(Self::behind(router, subgraphs))
    }

    fn behind(router: Process, subgraphs: Vec<(&str, Process)>) -> Self {
        let mut processes = vec![router];
        processes.extend(subgraphs.into_iter().map(|(_, process)| process));
        Self { processes }
    }

    /// Resident memory of all processes, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        self.processes.iter().map(Process::memory).sum()
    }
}

impl Loaded for Graph {
    fn address(&self) -> &str {
        &self.processes[0].address
    }

    /// Of all processes. Unlike a rate, processor time per page is comparable on a machine with other load.
    fn cpu(&self) -> anyhow::Result<Duration> {
        self.processes.iter().map(Process::cpu).sum()
    }
}
