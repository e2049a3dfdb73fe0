//! The instances under load, their databases and Redis server, and the published changes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use chrono::Utc;
use entities::insert_many;
use entities::tracking::change;
use entities::tracking::shipment;
use platform::config::Secret;
use platform::database::{Database, DatabaseConfig};
use platform::pubsub::{PubSub, RedisPubSub};
use platform::redis_server::RedisServer;
use platform::supervisor::Supervisor;
use resolvers::id::IdKind;
use router::auth::{AuthConfig, DevelopmentKey, NewToken};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Arguments;
use crate::client::Subscriber;
use crate::parcel::parcel;

/// The binary built with this program.
const VANTAGE: &str = env!("CARGO_BIN_EXE_vantage");

/// Batches of changes written ahead of publishing.
const AHEAD: usize = 4;

/// A Redis server: the user's, or one started for this run.
pub(crate) struct Redis {
    pub(crate) url: String,
    server: Option<Server>,
}

/// A server started here.
struct Server {
    process: Child,
    directory: TempDir,
    port: u16,
}

impl Redis {
    pub(crate) async fn start(url: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = url {
            return Ok(Self {
                url: url.to_owned(),
                server: None,
            });
        }
        let directory = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let process = serve(&directory, port)?;
        Ok(Self {
            url: format!("redis://127.0.0.1:{port}"),
            server: Some(Server {
                process,
                directory,
                port,
            }),
        })
    }

    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.own()?.process.kill().await?)
    }

    /// Restarts it at the same address, empty.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        let server = self.own()?;
        server.process = serve(&server.directory, server.port)?;
        while TcpStream::connect(("127.0.0.1", server.port))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn own(&mut self) -> anyhow::Result<&mut Server> {
        let server = self.server.as_mut();
        server.context("cannot kill a server not started by this program: omit --redis")
    }
}

fn serve(directory: &TempDir, port: u16) -> anyhow::Result<Child> {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(directory)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("redis-server is not on the PATH; name a server with --redis")
}

/// A process under load.
struct Instance {
    process: Child,
    address: SocketAddr,
}

pub(crate) struct Shop {
    data: TempDir,
    instances: Vec<Instance>,
    database: Database,
    pubsub: Arc<RedisPubSub>,
    parcels: Vec<shipment::Model>,
    pub(crate) seats: Vec<Subscriber>,
}

impl Shop {
    /// Starts the instances over one small shop, with a parcel per client.
    pub(crate) async fn open(arguments: &Arguments, redis: &str) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut instances = Vec::new();
        for _ in 0..arguments.instances {
            instances.push(instance(data.path(), redis, arguments).await?);
        }
        let config = DatabaseConfig::sqlite(data.path().to_owned());
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
            seats.push(Subscriber {
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
            pubsub: Arc::new(RedisPubSub::new(
                &RedisServer::open(redis)?,
                &Supervisor::new(),
            )),
            parcels,
            seats,
        })
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let instances = self.instances.iter();
        instances.map(|instance| instance.address).collect()
    }

    /// Kills one instance; its clients must reconnect elsewhere.
    pub(crate) async fn kill_instance(&mut self) -> anyhow::Result<()> {
        ensure!(
            self.instances.len() > 1,
            "its clients need another instance: increase --instances"
        );
        let mut instance = self.instances.remove(0);
        Ok(instance.process.kill().await?)
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

    /// Processor time used by all instances so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(Duration::from_nanos(self.of_each(cpu)?))
    }

    fn of_each(&self, figure: impl Fn(u32) -> anyhow::Result<u64>) -> anyhow::Result<u64> {
        self.instances
            .iter()
            .map(|instance| figure(instance.process.id().context("an instance has exited")?))
            .sum()
    }

    pub(crate) fn publisher(&self) -> Publisher {
        Publisher {
            database: self.database.clone(),
            pubsub: self.pubsub.clone(),
            parcels: self.parcels.clone(),
        }
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for mut instance in self.instances {
            instance.process.kill().await?;
        }
        Ok(())
    }
}

/// Publishes parcel changes.
pub(crate) struct Publisher {
    database: Database,
    pubsub: Arc<RedisPubSub>,
    parcels: Vec<shipment::Model>,
}

impl Publisher {
    /// Writes and publishes `rate` changes per second to the orders in turn; returns their number.
    pub(crate) async fn publish(self, rate: u32, seconds: u64) -> anyhow::Result<u64> {
        let total = u64::from(rate) * seconds;
        // A separate task writes ahead, so that writing does not delay publishing.
        let (written, mut changes) = mpsc::channel(AHEAD);
        let writer = Writer {
            database: self.database,
            parcels: self.parcels,
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
                let (channel, message) = tracking::change_message(&parcel)?;
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
}

/// Stores changes, so that reconnecting clients can read them.
struct Writer {
    database: Database,
    parcels: Vec<shipment::Model>,
    /// Changes per transaction.
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
                // Clients that missed the event read the time here.
                parcel.location = Some(nanoseconds()?.to_string());
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
            let (_, message) = tracking::change_message(parcel)?;
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

/// Processor time used by a process so far, in nanoseconds.
pub(crate) fn cpu(id: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let usage = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let used = usage.split(' ').next().context("no schedstat")?;
        sum += used.parse::<u64>()?;
    }
    Ok(sum)
}

fn nanoseconds() -> anyhow::Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())
}

async fn instance(data: &Path, redis: &str, arguments: &Arguments) -> anyhow::Result<Instance> {
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
        // All clients connect from a few addresses.
        .env("VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_SECOND", "")
        .env("VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_MINUTE", "")
        .current_dir(data)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut process = command.spawn()?;
    let stdout = process.stdout.take().context("the output is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    let address = loop {
        let Some(line) = lines.next_line().await? else {
            bail!("an instance exited before listening");
        };
        if let Some((_, url)) = line.split_once("listening on http://") {
            break url.split('/').next().unwrap_or_default().parse()?;
        }
    };
    // Drain later output, so that the pipe does not fill up.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    ensure!(process.id().is_some(), "an instance has exited");
    Ok(Instance { process, address })
}
