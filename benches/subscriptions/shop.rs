//! The instances under load, their databases and their Redis server, and the changes that are published.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use chrono::Utc;
use entities::insert_many;
use entities::tracking::{change, shipment};
use platform::config::Secret;
use platform::database::{Database, DatabaseConfig};
use platform::pubsub::{PubSub, RedisPubSub};
use resolvers::id::IdKind;
use router::auth::{AuthConfig, DevelopmentKey, NewToken};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Arguments;
use crate::client::Seat;

/// The binary that was built with this program.
const VANTAGE: &str = env!("CARGO_BIN_EXE_vantage");

/// Batches of changes that are written before they are published.
const AHEAD: usize = 4;

/// A Redis server: the user's, or one for this run.
pub(crate) struct Redis {
    pub(crate) url: String,
    _server: Option<(Child, TempDir)>,
}

impl Redis {
    pub(crate) async fn start(url: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = url {
            return Ok(Self {
                url: url.to_owned(),
                _server: None,
            });
        }
        let directory = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("redis-server is not on the PATH; name a server with --redis")?;
        Ok(Self {
            url: format!("redis://127.0.0.1:{port}"),
            _server: Some((server, directory)),
        })
    }
}

pub(crate) struct Shop {
    data: TempDir,
    instances: Vec<(Child, SocketAddr)>,
    database: Database,
    pubsub: Arc<RedisPubSub>,
    parcels: Vec<shipment::Model>,
    pub(crate) seats: Vec<Seat>,
}

impl Shop {
    /// Starts the instances over one small shop, with a parcel for every client.
    pub(crate) async fn open(arguments: &Arguments, redis: &str) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut instances = Vec::new();
        for _ in 0..arguments.instances {
            instances.push(instance(data.path(), redis, arguments).await?);
        }
        let config = DatabaseConfig::Sqlite {
            directory: data.path().to_owned(),
        };
        let database = Database::open(&config, "tracking").await?;
        let secret = std::fs::read_to_string(data.path().join("development.key"))?;
        let auth = AuthConfig {
            development_secret: Some(Secret::new(secret.trim())),
            ..AuthConfig::default()
        };
        let key = DevelopmentKey::from_config(&auth)?.context("there is no development key")?;
        let mut parcels = Vec::with_capacity(arguments.connections);
        let mut seats = Vec::with_capacity(arguments.connections);
        for number in 0..arguments.connections {
            let parcel = parcel(number);
            let token = NewToken {
                subject: IdKind::Customer.format(parcel.customer_id),
                scopes: Vec::new(),
                ttl: Duration::from_secs(24 * 60 * 60),
            };
            seats.push(Seat {
                address: instances[number % instances.len()].1,
                order: IdKind::Order.format(parcel.order_id),
                token: key.mint(&token, SystemTime::now())?,
            });
            parcels.push(parcel);
        }
        for some in parcels.chunks(1_000) {
            insert_many::<shipment::Entity>(database.write(), some.to_vec()).await?;
        }
        Ok(Self {
            data,
            instances,
            database,
            pubsub: Arc::new(RedisPubSub::new(redis)?),
            parcels,
            seats,
        })
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Resident memory of all instances, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        self.of_each(|id| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
            Ok(kilobytes.context("no VmRSS")?.parse::<u64>()? * 1024)
        })
    }

    /// Processor time that all instances have used so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let nanoseconds = self.of_each(|id| {
            let mut sum = 0;
            for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
                let usage = std::fs::read_to_string(thread?.path().join("schedstat"))?;
                sum += usage
                    .split(' ')
                    .next()
                    .context("no schedstat")?
                    .parse::<u64>()?;
            }
            Ok(sum)
        })?;
        Ok(Duration::from_nanos(nanoseconds))
    }

    fn of_each(&self, figure: impl Fn(u32) -> anyhow::Result<u64>) -> anyhow::Result<u64> {
        self.instances
            .iter()
            .map(|(child, _)| figure(child.id().context("an instance has ended")?))
            .sum()
    }

    /// Writes and publishes so many changes a second, to one order after the other; gives their number.
    pub(crate) async fn publish(&self, rate: u32, seconds: u64) -> anyhow::Result<u64> {
        let total = u64::from(rate) * seconds;
        // Written ahead by a task of its own, so that writing makes no change late.
        let (written, mut changes) = mpsc::channel(AHEAD);
        let writer = Writer {
            database: self.database.clone(),
            parcels: self.parcels.clone(),
            batch: usize::try_from(rate / 10)?.max(1),
        };
        let writing = tokio::spawn(writer.write(total, written));
        let gap = Duration::from_secs(1) / rate.max(1);
        let mut next = tokio::time::Instant::now();
        let mut leaving = JoinSet::new();
        while let Some(batch) = changes.recv().await {
            for mut parcel in batch {
                next += gap;
                tokio::time::sleep_until(next).await;
                parcel.location = Some(nanoseconds()?.to_string());
                let (channel, message) = tracking::announcement(&parcel)?;
                let pubsub = self.pubsub.clone();
                leaving.spawn(async move { pubsub.publish(&channel, message).await });
            }
            while let Some(left) = leaving.try_join_next() {
                left??;
            }
        }
        writing.await??;
        while let Some(left) = leaving.join_next().await {
            left??;
        }
        Ok(total)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for (mut child, _) in self.instances {
            child.kill().await?;
        }
        Ok(())
    }
}

/// Writes changes, so that whoever comes back can read them.
struct Writer {
    database: Database,
    parcels: Vec<shipment::Model>,
    /// Changes of one transaction.
    batch: usize,
}

impl Writer {
    async fn write(
        mut self,
        total: u64,
        written: mpsc::Sender<Vec<shipment::Model>>,
    ) -> anyhow::Result<()> {
        let total = usize::try_from(total)?;
        let orders = self.parcels.len();
        for begin in (0..total).step_by(self.batch) {
            let mut batch = Vec::with_capacity(self.batch);
            for number in begin..total.min(begin + self.batch) {
                let parcel = &mut self.parcels[number % orders];
                parcel.sequence += 1;
                batch.push(parcel.clone());
            }
            self.commit(&batch).await?;
            if written.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn commit(&self, batch: &[shipment::Model]) -> anyhow::Result<()> {
        let transaction = self.database.begin().await?;
        let mut changes = Vec::with_capacity(batch.len());
        for parcel in batch {
            let (_, message) = tracking::announcement(parcel)?;
            changes.push(change::Model {
                journey_id: parcel.order_id,
                sequence: parcel.sequence,
                change: serde_json::from_slice(&message)?,
                recorded_at: Utc::now(),
            });
            shipment::update(&transaction, parcel.clone()).await?;
        }
        insert_many::<change::Entity>(&transaction, changes).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn nanoseconds() -> anyhow::Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())
}

async fn instance(
    data: &Path,
    redis: &str,
    arguments: &Arguments,
) -> anyhow::Result<(Child, SocketAddr)> {
    let mut command = Command::new(VANTAGE);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VANTAGE_") {
            command.env_remove(name);
        }
    }
    command
        .env("VANTAGE_DATA", data)
        .env("VANTAGE_REDIS_URL", redis)
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "warn")
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_SANDBOX__ENABLED", "false")
        .env(
            "VANTAGE_SERVER__WEBSOCKET__MAX_CONNECTIONS",
            arguments.connections.to_string(),
        )
        .current_dir(data)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().context("the output is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = loop {
        let Some(line) = lines.next_line().await? else {
            bail!("an instance ended before it listened");
        };
        if let Some((_, url)) = line.split_once("listening on http://") {
            break url.split('/').next().unwrap_or_default().parse()?;
        }
    };
    // What it prints later is not of interest, but its pipe must not fill up.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    ensure!(child.id().is_some(), "an instance has ended");
    Ok((child, address))
}

/// A parcel under way, of a customer and an order of its own.
fn parcel(number: usize) -> shipment::Model {
    let now = Utc::now();
    shipment::Model {
        id: Uuid::now_v7(),
        order_id: Uuid::now_v7(),
        return_id: None,
        customer_id: Uuid::now_v7(),
        carrier: "dhl".to_owned(),
        tracking_number: format!("DHL{number:010}"),
        status: "in_transit".to_owned(),
        location: Some("Newark NJ".to_owned()),
        last_update: Some(now),
        estimated_delivery: Some(now),
        sequence: 0,
        consecutive_errors: 0,
        last_polled_at: Some(now),
        last_answered_at: Some(now),
        created_at: now,
    }
}
