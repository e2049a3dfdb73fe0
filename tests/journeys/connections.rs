//! Clients that send or read nothing do not exhaust connections or memory.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::{Process, vantage, vantage_within};
use crate::wait::until;

/// Megabytes that clients which read nothing may cost.
const MEMORY: u64 = 50;

/// Bytes of a large response.
const LARGE: usize = 3_600_000;

const TYPE: &str = "fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } \
    fragment All on __Type { kind name description fields(includeDeprecated: true) { name description \
    args { name description type { ...T } } type { ...T } } inputFields { name description type { ...T } } \
    enumValues { name description } }";

/// A query with a response of this many copies of the schema, distinct for each number.
fn query(schemas: usize, number: usize) -> String {
    let roots = schemas.div_ceil(2);
    let schemas: String = (0..roots)
        .map(|n| format!("a{n}: __schema {{ a: types {{ ...All }} b: types {{ ...All }} }} "))
        .collect();
    format!("{{ {schemas} }} {TYPE} # {number}")
}

async fn connect(process: &Process) -> TcpStream {
    let address: SocketAddr = process
        .base
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    TcpStream::connect(address).await.unwrap()
}

fn shop(mut command: tokio::process::Command) -> tokio::process::Command {
    command
        .env("VANTAGE_DEMO__ORDERS", "20")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

#[tokio::test]
async fn silent_connections_lock_nobody_out() {
    let data = tempfile::tempdir().unwrap();
    let mut process = Process::start(shop(vantage_within(300, data.path()))).await;
    let mut silent = Vec::new();
    for _ in 0..320 {
        silent.push(connect(&process).await);
    }
    // Another local address.
    let http = reqwest::Client::builder()
        .local_address(std::net::IpAddr::from([127, 0, 0, 2]))
        .build()
        .unwrap();
    let health = http.get(format!("{}/healthz", process.base)).send().await;
    assert_eq!(health.unwrap().status(), 200);
    let query = json!({ "query": "{ __typename }" });
    let asked = http.post(format!("{}/graphql", process.base)).json(&query);
    assert_eq!(asked.send().await.unwrap().status(), 200);
    drop(silent);
    assert!(process.stop().await.success());
}

/// Whether the server has closed a connection. A client that does not read cannot tell, since the close follows unread
/// data.
fn is_closed(socket: &TcpStream) -> bool {
    const ESTABLISHED: &str = "01";
    let port = |address: SocketAddr| format!(":{:04X}", address.port());
    let server = port(socket.peer_addr().unwrap());
    let client = port(socket.local_addr().unwrap());
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_open = connections.lines().any(|connection| {
        let mut columns = connection.split_whitespace().skip(1);
        let mut next = || columns.next().unwrap_or_default();
        next().ends_with(&server) && next().ends_with(&client) && next() == ESTABLISHED
    });
    !is_open
}

/// Sends the same from each client, reads nothing, and waits until all are closed. What sends gets the number of copies of the
/// schema that make a large response, and that of the client.
async fn attack(name: &str, clients: usize, send: impl AsyncFn(&mut TcpStream, usize, usize)) {
    let data = tempfile::tempdir().unwrap();
    let mut command = shop(vantage(data.path()));
    command
        .env("VANTAGE_SERVER__CONNECTIONS__WRITE_TIMEOUT", "5s")
        // For clients whose requests are rejected.
        .env("VANTAGE_SERVER__CONNECTIONS__IDLE_TIMEOUT", "5s")
        .env("VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL", "5s")
        .env("VANTAGE_SERVER__WEBSOCKET__PONG_TIMEOUT", "5s");
    let mut process = Process::start(command).await;
    let http = reqwest::Client::new();
    let ask = async |schemas, number| {
        let body = json!({ "query": query(schemas, number) });
        let asked = http.post(format!("{}/graphql", process.base)).json(&body);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap().len()
    };
    // The schema grows.
    let large = 2 * LARGE / ask(2, 1_000_000).await;
    // Reading clients also have a one-time cost.
    for number in 1..5 {
        ask(large, 1_000_000 + number).await;
    }
    let before = process.memory();
    let mut sockets = Vec::new();
    for number in 0..clients {
        let mut socket = connect(&process).await;
        send(&mut socket, large, number).await;
        sockets.push(socket);
    }
    let mut most = before;
    for socket in &sockets {
        until("a connection is closed", async || {
            most = most.max(process.memory());
            is_closed(socket).then_some(())
        })
        .await;
    }
    let grown = most - before;
    assert!(grown <= MEMORY, "{name}: {grown} MB");
    // Reading clients are served as before.
    ask(1, 1).await;
    assert!(process.stop().await.success());
}

#[tokio::test]
async fn http1_clients_that_read_nothing_are_closed() {
    attack("HTTP/1", 30, async |socket, large, number| {
        let body = json!({ "query": query(large, number) }).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // Two responses, since system buffers hold one.
        socket.write_all(request.repeat(2).as_bytes()).await.unwrap();
    })
    .await;
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, stream]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn http2_clients_without_a_window_are_closed() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    attack("HTTP/2", 30, async |socket, large, number| {
        let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let no_window = [0, 4, 0, 0, 0, 0];
        request.extend(frame(SETTINGS, 0, 0, &no_window));
        // POST and http as indexed fields, the rest as literals.
        let mut headers = vec![0x83, 0x86];
        for (name, value) in [
            (":path", "/graphql"),
            (":authority", "a"),
            ("content-type", "application/json"),
        ] {
            headers.push(0);
            for text in [name, value] {
                headers.push(u8::try_from(text.len()).unwrap());
                headers.extend(text.as_bytes());
            }
        }
        for stream in [1, 3] {
            let body =
                json!({ "query": query(large, 2 * number + usize::from(stream)) }).to_string();
            request.extend(frame(HEADERS, END_HEADERS, stream, &headers));
            request.extend(frame(DATA, END_STREAM, stream, body.as_bytes()));
        }
        socket.write_all(&request).await.unwrap();
    })
    .await;
}

/// A client message with a zero mask.
fn message(payload: &str) -> Vec<u8> {
    let mut message = vec![0x81];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => message.push(0x80 | length),
        _ => {
            message.push(0x80 | 126);
            message.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    message.extend([0; 4]);
    message.extend(payload.as_bytes());
    message
}

#[tokio::test]
async fn websockets_that_read_nothing_are_closed() {
    attack("WebSocket", 40, async |socket, large, number| {
        let upgrade = "GET /graphql HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
            sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
        socket.write_all(upgrade.as_bytes()).await.unwrap();
        let mut answer = [0; 4096];
        assert!(socket.read(&mut answer).await.unwrap() > 0);
        let init = message(r#"{"type":"connection_init"}"#);
        socket.write_all(&init).await.unwrap();
        // Above and below the limit of open operations.
        let queries = if number % 2 == 0 { 100 } else { 10 };
        for id in 0..queries {
            let query = query(large / 14, 100 * number + id);
            let subscribe = json!({ "id": id.to_string(), "type": "subscribe", "payload": { "query": query } });
            // May already be closed.
            if socket.write_all(&message(&subscribe.to_string())).await.is_err() {
                return;
            }
        }
    })
    .await;
}
