//! The measured processes: a router each, over the same subgraphs, and the subgraphs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::compare::Loaded;
use crate::load::Connection;
use crate::process;
use crate::subgraphs::NAMES;

/// Maximum time until a router's first response.
const START: Duration = Duration::from_secs(20);
/// Polling interval until it responds.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How the other router uses its connections to subgraphs: its default, and what its authors found fastest.
pub(crate) const PEER_MODES: [&str; 2] = ["shared", "per_worker"];

/// The supergraph of all four subgraphs, at these ports.
pub(crate) fn supergraph(ports: &str) -> String {
    let mut sdl = include_str!("supergraph.graphql").to_owned();
    for (name, port) in NAMES.iter().zip(ports.split_whitespace()) {
        sdl = sdl.replace(
            &format!("http://{name}/"),
            &format!("http://127.0.0.1:{port}/"),
        );
    }
    sdl
}

/// Starts the subgraphs' process and returns their ports.
pub(crate) async fn subgraphs(reviews: usize) -> anyhow::Result<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--subgraphs", "--reviews", &reviews.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().context("the output is piped")?;
    let line = BufReader::new(stdout).lines().next_line().await?;
    Ok((child, line.context("the subgraphs did not start")?))
}

/// A running router.
pub(crate) struct Router {
    pub(crate) name: String,
    pub(crate) address: String,
    /// When its process was started.
    pub(crate) begun: Instant,
    /// Time from then until its first response.
    pub(crate) start: Duration,
    child: Child,
}

impl Router {
    /// `vantage router` from any build. `share` answers identical concurrent requests once, and sends identical
    /// concurrent fetches once.
    pub(crate) async fn vantage(
        name: &str,
        binary: &Path,
        directory: &Path,
        share: bool,
    ) -> anyhow::Result<Self> {
        let address = free_address().await?;
        let mut command = Command::new(binary);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("VANTAGE_") {
                command.env_remove(variable);
            }
        }
        command
            .args(["router", "--supergraph", "supergraph.graphql"])
            .args(["--listen", &address])
            .env("VANTAGE_TELEMETRY__LOG_LEVEL", "warn");
        if !share {
            command
                .env("VANTAGE_ROUTER__SHARE_REQUESTS", "false")
                .env("VANTAGE_ROUTER__SHARE_FETCHES", "false");
        }
        Self::start(name, command, address, "/healthz", directory).await
    }

    /// The other router, in one of its modes.
    pub(crate) async fn peer(
        binary: &Path,
        directory: &Path,
        share: bool,
        mode: &str,
    ) -> anyhow::Result<Self> {
        let address = free_address().await?;
        let (host, port) = address.split_once(':').context("no port")?;
        let config = directory.join("peer.yaml");
        std::fs::write(
            &config,
            format!(
                "supergraph:\n  source: file\n  path: ./supergraph.graphql\n\
                 http:\n  host: {host}\n  port: {port}\n\
                 log:\n  level: warn\n\
                 traffic_shaping:\n  http_client_mode: {mode}\n  router:\n    dedupe:\n      enabled: {share}\n  \
                 all:\n    dedupe_enabled: {share}\n"
            ),
        )?;
        let mut command = Command::new(binary);
        command.env("ROUTER_CONFIG_FILE_PATH", &config);
        Self::start(
            &format!("the peer ({mode})"),
            command,
            address,
            "/health",
            directory,
        )
        .await
    }

    async fn start(
        name: &str,
        mut command: Command,
        address: String,
        health: &str,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut child = command
            .current_dir(directory)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("{name} exited before it responded: {status}");
            }
            if let Ok(mut connection) = Connection::open(&address).await
                && connection.get(health).await.is_ok()
            {
                break;
            }
            ensure!(
                begun.elapsed() < START,
                "{name} does not respond at {health}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(Self {
            name: name.to_owned(),
            address,
            begun,
            start: begun.elapsed(),
            child,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Resident memory in MB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        Ok(process::memory(self.id())? as f64 / 1e6)
    }
}

impl Loaded for Router {
    fn address(&self) -> &str {
        &self.address
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu(self.id())
    }
}

/// A free address, since the other router does not accept port 0.
async fn free_address() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.to_string())
}

/// Returns the path of a program, or an error that explains how to build it.
pub(crate) fn program(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path)
        .ok()
        .filter(|path| path.is_file())
        .with_context(|| {
            format!(
                "program {} does not exist: build the other router with `cargo build --release \
                 --manifest-path benches/peer/hive-router/Cargo.toml` (some 15 minutes)",
                path.display()
            )
        })
}
