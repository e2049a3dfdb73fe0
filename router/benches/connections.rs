//! Resident memory per open connection: `cargo bench -p router --bench connections`.
//!
//! For each number of connections (5,000 and 15,000, or those given after `--`), a server in its own process is
//! measured before and after they are opened: without subscriptions, with a distinct subscription each, and all with
//! the same subscription. The open file limit must exceed the number (`ulimit -n 20000`).

mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::{EmptyMutation, Object, SDLExportOptions, Schema, SimpleObject, Subscription};
use futures::SinkExt;
use futures::stream::{self, Stream, StreamExt};
use platform::config::Duration as ConfigDuration;
use router::server::ServerConfig;
use router::{LocalTransport, Router};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use server::{Failure, Server};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connections opened concurrently.
const AT_ONCE: usize = 64;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    if server::is_server() {
        return runtime.block_on(serve());
    }
    let mut counts: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    if counts.is_empty() {
        counts = vec![5_000, 15_000];
    }
    for count in counts {
        for scenario in [Scenario::Idle, Scenario::Distinct, Scenario::Shared] {
            runtime.block_on(measure(scenario, count))?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Scenario {
    Idle,
    Distinct,
    Shared,
}

async fn measure(scenario: Scenario, count: usize) -> Result<(), Failure> {
    let server = Server::start()?;
    // One-time costs of the first connection do not count.
    let warm = connect(&server.address, scenario, count).await?;
    let before = server.resident_kilobytes()?;
    let started = Instant::now();
    let sockets: Vec<Result<Socket, Failure>> = stream::iter(0..count)
        .map(|number| connect(&server.address, scenario, number))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let sockets = sockets.into_iter().collect::<Result<Vec<_>, _>>()?;
    let after = server.resident_kilobytes()?;
    println!(
        "{count:>6} connections, {:<8} {:>5.2} KB each ({} MB in all), opened in {:.1} s",
        format!("{scenario:?}:").to_lowercase(),
        (after - before) as f64 / count as f64,
        after / 1024,
        started.elapsed().as_secs_f64(),
    );
    drop((warm, sockets));
    Ok(())
}

async fn connect(address: &str, scenario: Scenario, number: usize) -> Result<Socket, Failure> {
    let mut request = format!("ws://{address}/graphql").into_client_request()?;
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static("graphql-transport-ws"),
    );
    let (mut socket, _) = connect_async(request).await?;
    send(&mut socket, json!({ "type": "connection_init" })).await?;
    let id = match scenario {
        Scenario::Idle => return Ok(socket),
        Scenario::Distinct => number,
        Scenario::Shared => 0,
    };
    let payload = json!({
        "query": "subscription Parcel($id: Int!) { parcel(id: $id) { sequence status location } }",
        "variables": { "id": id },
    });
    let subscribe = json!({ "id": "1", "type": "subscribe", "payload": payload });
    send(&mut socket, subscribe).await?;
    // Its snapshot shows that the subscription is active.
    loop {
        let message = socket.next().await.ok_or("the server has closed")??;
        if message.to_text()?.contains("\"next\"") {
            return Ok(socket);
        }
    }
}

async fn send(socket: &mut Socket, message: serde_json::Value) -> Result<(), Failure> {
    Ok(socket.send(Message::text(message.to_string())).await?)
}

impl Server {
    fn resident_kilobytes(&self) -> Result<u64, Failure> {
        // Let the server release temporary memory first.
        std::thread::sleep(Duration::from_secs(1));
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no VmRSS")?.parse()?)
    }
}

async fn serve() -> Result<(), Failure> {
    let schema = Schema::build(Query, EmptyMutation, Subscriptions)
        .enable_federation()
        .enable_subscription_in_federation()
        .finish();
    let sdl = schema.sdl_with_options(SDLExportOptions::new().federation());
    let transport = Arc::new(LocalTransport::new("parcels", Arc::new(schema)));
    let router = Router::builder()
        .subgraph("parcels", &sdl, transport)
        .event_sequence("parcel", "sequence")
        .build()?;
    let mut config = ServerConfig::default();
    config.websocket.max_connections = 1_000_000;
    // Measure connections without their pings.
    config.websocket.ping_interval = ConfigDuration::from_secs(3600);
    server::serve(router, config).await
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "hello"
    }
}

#[derive(SimpleObject)]
struct Parcel {
    sequence: i32,
    status: &'static str,
    location: &'static str,
}

struct Subscriptions;

#[Subscription(name = "Subscription")]
impl Subscriptions {
    /// The parcel's current state, and then nothing more.
    async fn parcel(&self, id: i32) -> impl Stream<Item = Parcel> + use<> {
        let parcel = Parcel {
            sequence: id,
            status: "IN_TRANSIT",
            location: "Bonn",
        };
        stream::once(async { parcel }).chain(stream::pending())
    }
}
