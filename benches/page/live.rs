//! Live updates beside the load: customers watch their orders, whose changes carry the time of their publication.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use entities::insert_many;
use entities::tracking::shipment;
use futures::{SinkExt, StreamExt};
use parking_lot::Mutex;
use platform::config::Secret;
use platform::database::{Database, DatabaseConfig};
use platform::pubsub::{PubSub, RedisPubSub};
use platform::redis_server::RedisServer;
use platform::supervisor::Supervisor;
use resolvers::id::IdKind;
use router::auth::{AuthConfig, DevelopmentKey, NewToken};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::load::Run;
use crate::parcel::parcel;

const QUERY: &str =
    "subscription($order: ID!) { orderTracking(orderId: $order) { snapshot location } }";

/// Time from one change to the next.
const PACE: Duration = Duration::from_millis(20);

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A Redis server of this run, through which changes are published.
pub(crate) struct Redis {
    pub(crate) url: String,
    _process: Child,
    _directory: TempDir,
}

impl Redis {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let port = free.port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("redis-server is not on the PATH")?;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(PACE).await;
        }
        Ok(Self {
            url: format!("redis://127.0.0.1:{port}"),
            _process: process,
            _directory: directory,
        })
    }
}

/// Parcels with customers of their own, in the databases of a graph that has not been started.
pub(crate) struct Parcels(Vec<shipment::Model>);

impl Parcels {
    pub(crate) async fn write(data: &Path, count: usize) -> anyhow::Result<Self> {
        let config = DatabaseConfig::sqlite(data.to_owned());
        let database = Database::open(&config, "tracking").await?;
        let parcels: Vec<_> = (0..count).map(parcel).collect();
        insert_many::<shipment::Entity>(database.write(), parcels.clone()).await?;
        Ok(Self(parcels))
    }

    /// Watches each parcel's order, and publishes changes of them in turn.
    pub(crate) async fn watch(
        self,
        data: &Path,
        address: &str,
        redis: &Redis,
    ) -> anyhow::Result<Live> {
        let secret = std::fs::read_to_string(data.join("development.key"))?;
        let auth = AuthConfig {
            development_secret: Some(Secret::new(secret.trim())),
            ..AuthConfig::default()
        };
        let key = DevelopmentKey::from_config(&auth)?.context("there is no development key")?;
        let mut tasks = JoinSet::new();
        let latencies = Arc::new(Mutex::new(Vec::new()));
        let (ready, mut snapshots) = mpsc::channel(self.0.len().max(1));
        for parcel in &self.0 {
            let token = key.mint(
                &NewToken {
                    subject: IdKind::Customer.format(parcel.customer_id),
                    scopes: Vec::new(),
                    ttl: HOUR,
                },
                SystemTime::now(),
            )?;
            let order = IdKind::Order.format(parcel.order_id);
            let socket = subscribe(address, &token, &order).await?;
            tasks.spawn(receive(socket, ready.clone(), latencies.clone()));
        }
        drop(ready);
        for _ in &self.0 {
            snapshots.recv().await.context("a subscription ended")?;
        }
        let supervisor = Supervisor::new();
        let pubsub = RedisPubSub::new(&RedisServer::open(&redis.url)?, &supervisor);
        tasks.spawn(publish(self.0, pubsub, supervisor));
        Ok(Live { latencies, tasks })
    }
}

/// Open subscriptions that receive changes.
pub(crate) struct Live {
    latencies: Arc<Mutex<Vec<Duration>>>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Live {
    /// The updates that have arrived since the last call, from their publication to the client.
    pub(crate) fn take(&mut self, time: Duration) -> anyhow::Result<Run> {
        if let Some(ended) = self.tasks.try_join_next() {
            ended??;
            bail!("a subscription ended");
        }
        Ok(Run::new(std::mem::take(&mut *self.latencies.lock()), time))
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn subscribe(address: &str, token: &str, order: &str) -> anyhow::Result<Socket> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let mut request = format!("ws://{address}/graphql").into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, _) = client_async(request, tcp).await?;
    let token = format!("Bearer {token}");
    let init = json!({ "type": "connection_init", "payload": { "authorization": token } });
    socket.send(Message::text(init.to_string())).await?;
    let payload = json!({ "query": QUERY, "variables": { "order": order } });
    let subscribe = json!({ "id": "1", "type": "subscribe", "payload": payload });
    let text = next(&mut socket).await?;
    if !text.contains("connection_ack") {
        bail!("{text}");
    }
    socket.send(Message::text(subscribe.to_string())).await?;
    Ok(socket)
}

async fn receive(
    mut socket: Socket,
    ready: mpsc::Sender<()>,
    latencies: Arc<Mutex<Vec<Duration>>>,
) -> anyhow::Result<()> {
    loop {
        let text = next(&mut socket).await?;
        let message: Value = serde_json::from_str(&text)?;
        let update = &message["payload"]["data"]["orderTracking"];
        match update["snapshot"].as_bool() {
            Some(true) => {
                // Only the first is awaited.
                let _ = ready.send(()).await;
            }
            Some(false) => {
                let sent = update["location"].as_str().context("no time")?;
                let sent = UNIX_EPOCH + Duration::from_nanos(sent.parse()?);
                let taken = SystemTime::now().duration_since(sent).unwrap_or_default();
                latencies.lock().push(taken);
            }
            None => bail!("{text}"),
        }
    }
}

async fn next(socket: &mut Socket) -> anyhow::Result<String> {
    loop {
        let message = socket.next().await.context("the connection was dropped")?;
        match message? {
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Close(frame) => bail!("closed: {frame:?}"),
            _ => {}
        }
    }
}

/// Publishes until dropped. The supervisor runs the connection.
async fn publish(
    mut parcels: Vec<shipment::Model>,
    pubsub: RedisPubSub,
    _supervisor: Supervisor,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(PACE);
    loop {
        for parcel in &mut parcels {
            ticks.tick().await;
            parcel.sequence += 1;
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            parcel.location = Some(now.as_nanos().to_string());
            let (channel, message) = tracking::change_message(parcel)?;
            pubsub.publish(&channel, message).await?;
        }
    }
}
