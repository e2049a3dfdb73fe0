//! The cost of rejecting operations over a limit, and the maximum cost of operations under all limits: `cargo bench -p
//! router --bench limits`.
//!
//! Each attack in the first table is the largest body the server accepts that satisfies every limit checked before the
//! one it exceeds; those that get parsed are as large as a document may be. One request at a time goes to a server in
//! its own process over a keep-alive connection. The number of requests per attack (200; a tenth of that in the second
//! table) can be given after `--`. The tables show the latency seen by the client, who sends up to 1 MB, and the
//! server's processor time.

mod client;
mod refused;
#[path = "../server/mod.rs"]
mod server;
mod under_limit;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{
    EmptyMutation, EmptySubscription, InputObject, Interface, Object, SDLExportOptions, Schema,
};
use router::server::ServerConfig;
use router::{LocalTransport, Router};

use client::{Connection, Measurement, measure};
use server::{Failure, Server};

/// Target for rejections.
const WANTED: Duration = Duration::from_millis(5);

fn main() -> Result<(), Failure> {
    if server::is_server() {
        return tokio::runtime::Runtime::new()?.block_on(serve());
    }
    let requests = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(200);
    let server = Server::start()?;
    let mut connection = Connection::open(&server.address)?;
    print_head("exceeds a limit");
    let mut slow = 0;
    for attack in refused::attacks() {
        let measured = measure(&server, &mut connection, &attack, requests)?;
        slow += usize::from(measured.p99 > WANTED);
        print(&attack, &measured);
    }
    println!("{slow} of them above {WANTED:?}\n");
    print_head("within the limits");
    for attack in under_limit::attacks() {
        let measured = measure(&server, &mut connection, &attack, requests.div_ceil(10))?;
        print(&attack, &measured);
    }
    Ok(())
}

fn print_head(attack: &str) {
    println!(
        "{attack:<32} {:>9} {:>8} {:>8} {:>8} {:>9}  answer",
        "bytes", "p50 ms", "p99 ms", "cpu ms", "answered"
    );
}

fn print(attack: &Attack, measured: &Measurement) {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!(
        "{:<32} {:>9} {:>8.2} {:>8.2} {:>8.2} {:>9}  {}",
        attack.name,
        attack.body.len(),
        milliseconds(measured.p50),
        milliseconds(measured.p99),
        milliseconds(measured.cpu),
        measured.answer.len(),
        measured.answer.chars().take(90).collect::<String>(),
    );
}

/// A body, and a text the response must contain.
struct Attack {
    name: &'static str,
    body: String,
    answer: &'static str,
    /// Only the head is sent.
    announced: bool,
}

async fn serve() -> Result<(), Failure> {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    let sdl = schema.sdl_with_options(SDLExportOptions::new().federation());
    let transport = Arc::new(LocalTransport::new("small", Arc::new(schema)));
    let router = Router::builder()
        .subgraph("small", &sdl, transport)
        .build()?;
    server::serve(router, ServerConfig::default()).await
}

struct Query;

#[Object]
impl Query {
    async fn a(&self) -> &Self {
        self
    }

    async fn hello(&self) -> &str {
        "hello"
    }

    async fn any(&self) -> Any {
        Any::One(One)
    }

    async fn args(
        &self,
        n: Option<i32>,
        text: Option<String>,
        list: Option<Vec<Option<i32>>>,
        input: Option<In>,
    ) -> usize {
        let input = input
            .map(|input| usize::from(input.n.is_some()) + input.list.map_or(0, |list| list.len()));
        n.map_or(0, |_| 1)
            + text.map_or(0, |text| text.len())
            + list.map_or(0, |list| list.len())
            + input.unwrap_or(0)
    }
}

#[derive(InputObject)]
struct In {
    n: Option<i32>,
    list: Option<Vec<In>>,
    r#in: Option<Box<In>>,
}

#[derive(Interface)]
#[graphql(field(name = "node", ty = "Query"))]
enum Any {
    One(One),
    Two(Two),
}

struct One;

#[Object]
impl One {
    async fn node(&self) -> Query {
        Query
    }
}

struct Two;

#[Object]
impl Two {
    async fn node(&self) -> Query {
        Query
    }
}
