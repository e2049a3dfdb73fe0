//! Measures live subscriptions: many clients, each watching its own order, over one or more instances with one Redis
//! server, while changes are published. It measures what customers notice: connection time, and the time from
//! publishing a change to its arrival at the client.

mod client;
mod figures;
mod parcel;
mod shop;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use clap::Parser;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use figures::{Figures, Report, Work};
use shop::{Redis, Shop};

#[derive(Clone, Parser)]
pub(crate) struct Arguments {
    /// Clients, each with its own connection and order.
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
    /// Instances the clients are spread over.
    #[arg(long, default_value_t = 1)]
    instances: usize,
    /// Changes published per second.
    #[arg(long, default_value_t = 1_661)]
    rate: u32,
    /// How long to publish changes, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// New connections per second, over all client processes.
    #[arg(long, default_value_t = 500)]
    connect_rate: u32,
    /// Component to kill while changes are published. Redis is restarted after the last change; a killed instance is
    /// not, and its clients move to the others.
    #[arg(long)]
    kill: Option<Fault>,
    /// Redis server to use; by default one is started, which requires `redis-server` on the PATH.
    #[arg(long)]
    redis: Option<String>,
    /// Run as a client process, with these connection list and report files.
    #[arg(long, hide = true, num_args = 2)]
    client: Option<Vec<PathBuf>>,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Fault {
    Redis,
    Instance,
}

/// Time clients may take to catch up after a fault, since reconnects back off exponentially.
const RECOVERY: Duration = Duration::from_secs(20);

/// Descriptors a process needs besides client connections: databases, logs, the runtime.
const OTHER_DESCRIPTORS: usize = 500;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some([list, report]) = arguments.client.as_deref() {
        return client::run(list, report, arguments.connect_rate).await;
    }
    let room = descriptors()?.saturating_sub(OTHER_DESCRIPTORS);
    let each = arguments.connections.div_ceil(arguments.instances);
    ensure!(
        each <= room,
        "an instance may have {room} connections here, and would get {each}: take more --instances"
    );
    let mut redis = Redis::start(arguments.redis.as_deref()).await?;
    let mut shop = Shop::open(&arguments, &redis.url).await?;
    let idle = shop.memory()?;
    println!(
        "{} instances over one Redis, {} MB resident; {} clients connect, {} per second",
        arguments.instances,
        idle >> 20,
        arguments.connections,
        arguments.connect_rate,
    );
    let cpu = shop.cpu()?;
    let begun = Instant::now();
    let clients = Clients::start(&arguments, &shop, room).await?;
    let connecting = Work {
        instances: shop.cpu()? - cpu,
        clients: clients.cpu()?,
        took: begun.elapsed(),
    };
    println!("connected after {:.1} s", connecting.took.as_secs_f64());
    let connected = shop.memory()?;

    let cpu = shop.cpu()?;
    let begun = Instant::now();
    let publisher = shop.publisher();
    let publishing = tokio::spawn(publisher.publish(arguments.rate, arguments.seconds));
    if let Some(fault) = arguments.kill {
        tokio::time::sleep(Duration::from_secs(arguments.seconds) / 2).await;
        match fault {
            Fault::Redis => redis.kill().await?,
            Fault::Instance => shop.kill_instance().await?,
        }
    }
    let published = publishing.await??;
    let busy = begun.elapsed();
    let cpu = shop.cpu()?.saturating_sub(cpu);
    if arguments.kill == Some(Fault::Redis) {
        redis.restart().await?;
    }
    let restored = arguments.kill.map(|_| SystemTime::now());
    // Much longer than the slowest event the figures could show.
    let rest = restored.map_or(Duration::from_secs(2), |_| RECOVERY);
    tokio::time::sleep(rest).await;
    let loaded = shop.memory()?;
    let report = clients.stop().await?;
    Figures {
        arguments: &arguments,
        idle,
        connected,
        loaded,
        connecting,
        cpu,
        busy,
        published,
        restored,
        report,
    }
    .print();
    shop.stop().await
}

/// Maximum number of open descriptors of a process.
fn descriptors() -> anyhow::Result<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    let soft = soft.context("no limit of open files")?;
    Ok(soft.parse().unwrap_or(usize::MAX))
}

/// The client processes.
struct Clients {
    processes: Vec<(Child, PathBuf)>,
}

impl Clients {
    /// Starts them, and waits until every client has its snapshot.
    async fn start(arguments: &Arguments, shop: &Shop, room: usize) -> anyhow::Result<Self> {
        let count = arguments.connections.div_ceil(room);
        let rate = arguments.connect_rate.div_ceil(u32::try_from(count)?);
        let mut processes = Vec::new();
        for (number, chunk) in shop
            .seats
            .chunks(arguments.connections.div_ceil(count))
            .enumerate()
        {
            let list = shop.data().join(format!("clients-{number}"));
            let report = shop.data().join(format!("report-{number}"));
            let clients = client::List {
                // Each process uses its own addresses.
                from: [127, 0, u8::try_from(number + 1)?],
                instances: shop.addresses(),
                seats: chunk.to_vec(),
            };
            std::fs::write(&list, serde_json::to_vec(&clients)?)?;
            let child = Command::new(std::env::current_exe()?)
                .args(["--connect-rate", &rate.to_string(), "--client"])
                .args([&list, &report])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            processes.push((child, report));
        }
        for (child, _) in &mut processes {
            let stdout = child.stdout.take().context("the output is piped")?;
            let line = BufReader::new(stdout).lines().next_line().await?;
            ensure!(
                line.as_deref() == Some("ready"),
                "a client process exited: {line:?}"
            );
        }
        Ok(Self { processes })
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        let used = self.processes.iter().map(|(child, _)| {
            let id = child.id().context("a client process has exited")?;
            shop::cpu(id)
        });
        Ok(Duration::from_nanos(used.sum::<anyhow::Result<u64>>()?))
    }

    /// Stops them and collects their reports.
    async fn stop(self) -> anyhow::Result<Report> {
        let mut all = Report::default();
        for (mut child, report) in self.processes {
            // End of input tells them to stop.
            drop(child.stdin.take());
            ensure!(child.wait().await?.success(), "a client process failed");
            all.add(serde_json::from_slice(&std::fs::read(report)?)?);
        }
        Ok(all)
    }
}
