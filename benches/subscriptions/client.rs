//! A client process: each client connects, watches its order, and reconnects after losing its connection.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tokio_util::sync::CancellationToken;

use crate::figures::{Connect, Report};

const QUERY: &str = "subscription($order: ID!) { orderTracking(orderId: $order) { sequence snapshot status location timestamp estimatedDelivery carrier } }";

/// Clients per address. The system has some 28,000 ports per address, but once half of them are taken, finding a free
/// one gets slow, and so do all clients.
const OF_ADDRESS: usize = 5_000;

/// A connection's user and order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subscriber {
    pub(crate) order: String,
    pub(crate) token: String,
}

/// The clients of a process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct List {
    /// First bytes of their addresses.
    pub(crate) from: [u8; 3],
    /// The instances, assigned round-robin.
    pub(crate) instances: Vec<SocketAddr>,
    pub(crate) seats: Vec<Subscriber>,
}

/// Runs the clients of a list until stdin ends, and writes their report.
pub(crate) async fn run(list: &Path, report: &Path, connect_rate: u32) -> anyhow::Result<()> {
    let List {
        from,
        instances,
        seats,
    } = serde_json::from_slice(&std::fs::read(list)?)?;
    let instances: Arc<[SocketAddr]> = instances.into();
    let stop = CancellationToken::new();
    let begun = Arc::new(Ready::new(seats.len()));
    let pace = Duration::from_secs(1) / connect_rate.max(1);
    let mut ticks = tokio::time::interval(pace);
    let mut clients = Vec::with_capacity(seats.len());
    for (number, seat) in seats.into_iter().enumerate() {
        ticks.tick().await;
        let address = u8::try_from(number / OF_ADDRESS + 1)?;
        let client = Client {
            from: Ipv4Addr::new(from[0], from[1], from[2], address),
            instances: instances.clone(),
            next: number,
            seat,
            seen: Report::default(),
            last: None,
        };
        clients.push(tokio::spawn(client.run(begun.clone(), stop.clone())));
    }
    begun.wait().await;
    println!("ready");
    // The parent closes stdin at the end.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    stop.cancel();
    let mut all = Report::default();
    for client in clients {
        all.add(client.await?);
    }
    std::fs::write(report, serde_json::to_vec(&all)?)?;
    Ok(())
}

/// Counts clients waiting for their first snapshot.
struct Ready {
    missing: AtomicUsize,
    all: Notify,
}

impl Ready {
    fn new(count: usize) -> Self {
        Self {
            missing: AtomicUsize::new(count),
            all: Notify::new(),
        }
    }

    fn one(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all.notify_one();
        }
    }

    async fn wait(&self) {
        if self.missing.load(Ordering::Acquire) > 0 {
            self.all.notified().await;
        }
    }
}

type Socket = WebSocketStream<TcpStream>;

struct Client {
    from: Ipv4Addr,
    instances: Arc<[SocketAddr]>,
    /// Index of the next instance to connect to.
    next: usize,
    seat: Subscriber,
    seen: Report,
    last: Option<u32>,
}

impl Client {
    async fn run(mut self, begun: Arc<Ready>, stop: CancellationToken) -> Report {
        let mut tries = 0;
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => break,
                ended = self.watch(&begun) => ended,
            };
            tries += 1;
            if tries < 10 {
                // The first few reasons are enough for diagnosis.
                eprintln!("a client reconnects: {ended:#?}");
            }
            self.seen.reconnects += 1;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
        self.seen.last.push(self.last.unwrap_or_default());
        self.seen
    }

    /// Watches until the connection ends, which is an error.
    async fn watch(&mut self, begun: &Ready) -> anyhow::Result<()> {
        let (began, started) = (SystemTime::now(), Instant::now());
        let mut socket = self.connect().await?;
        let took = micros(started.elapsed());
        self.seen.connects.push(Connect { took, began });
        let payload = json!({ "query": QUERY, "variables": { "order": self.seat.order } });
        let subscribe = json!({ "id": "1", "type": "subscribe", "payload": payload });
        socket.send(Message::text(subscribe.to_string())).await?;
        loop {
            let text = next(&mut socket).await?;
            let message: Value = serde_json::from_str(&text)?;
            let update = &message["payload"]["data"]["orderTracking"];
            let Some(sequence) = update["sequence"].as_u64() else {
                bail!("{text}");
            };
            let sequence = u32::try_from(sequence)?;
            if update["snapshot"] == true {
                if self.last.is_none() {
                    begun.one();
                }
                self.last = self.last.max(Some(sequence));
                continue;
            }
            let expected = self.last.unwrap_or_default() + 1;
            self.seen.misnumbered += u64::from(sequence.abs_diff(expected));
            self.last = Some(sequence);
            let sent: u64 = update["location"]
                .as_str()
                .context("no timestamp in the location")?
                .parse()?;
            let sent = UNIX_EPOCH + Duration::from_nanos(sent);
            let taken = SystemTime::now().duration_since(sent).unwrap_or_default();
            self.seen.events.push(micros(taken));
            self.seen.settled = Some(SystemTime::now());
        }
    }

    async fn connect(&mut self) -> anyhow::Result<Socket> {
        let address = self.instances[self.next % self.instances.len()];
        self.next += 1;
        let tcp = TcpSocket::new_v4()?;
        tcp.bind((self.from, 0).into())?;
        let tcp = tcp.connect(address).await?;
        tcp.set_nodelay(true)?;
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
        // This process has many of them.
        let config = WebSocketConfig::default()
            .read_buffer_size(2 * 1024)
            .write_buffer_size(0);
        let (mut socket, _) = client_async_with_config(request, tcp, Some(config)).await?;
        let token = format!("Bearer {}", self.seat.token);
        let init = json!({ "type": "connection_init", "payload": { "authorization": token } });
        socket.send(Message::text(init.to_string())).await?;
        let text = next(&mut socket).await?;
        if !text.contains("connection_ack") {
            bail!("{text}");
        }
        Ok(socket)
    }
}

async fn next(socket: &mut Socket) -> anyhow::Result<String> {
    loop {
        match socket
            .next()
            .await
            .context("the connection was dropped")??
        {
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Close(frame) => bail!("closed: {frame:?}"),
            _ => {}
        }
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
