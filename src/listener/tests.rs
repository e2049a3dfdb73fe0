//! Connections from their clients' view: closed when overdue or idle, refused beyond the limits.

use std::net::IpAddr;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::{get, post};
use platform::config::Duration as Setting;
use router::OperationKind;
use router::server::ConnectionsConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{interval, sleep, timeout};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
/// How long `/slow` takes.
const SLOW: Duration = Duration::from_millis(100);
/// In milliseconds; longer than any test waits.
const LONG: u64 = 3_600_000;
/// The size of a long response: more than a socket buffers.
const LENGTH: usize = 4 * 1024 * 1024;
/// Enough for a busy machine; never reached if all goes well.
const PATIENCE: Duration = Duration::from_secs(60);

fn app() -> Router {
    let slow = || async {
        sleep(SLOW).await;
        "slow"
    };
    Router::new()
        .route("/", get(|| async { "answer" }))
        .route("/slow", get(slow))
        .route("/long", get(|| async { Bytes::from(vec![b'x'; LENGTH]) }))
        .route("/counted", get(counted))
        .route("/websocket", get(websocket))
        .route("/body", post(|_: Bytes| async { "read" }))
        .route("/healthz", get(|| async { "ok" }))
}

/// A long response like GraphQL's: counted until it is read.
async fn counted(Extension(unsent): Extension<Unsent>) -> Body {
    let answer = Bytes::from(vec![b'x'; LENGTH]);
    unsent.body(OperationKind::Query, answer).unwrap()
}

async fn websocket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["spoken"]).on_upgrade(async |_| {})
}

/// The client's end of a served connection.
fn connect(config: &ServerConfig) -> DuplexStream {
    connect_counted(config).0
}

/// The same, with the count of unsent bytes.
fn connect_counted(config: &ServerConfig) -> (DuplexStream, Unsent) {
    let unsent = Unsent::new(&config.connections);
    let limits = Limits::new(config, unsent.clone());
    let (client, socket) = duplex(64 * 1024);
    let (place, refused) = limits.places.admit(PEER.ip()).expect("a place");
    let service = Service {
        app: app(),
        peer: PEER,
        activity: Arc::new(Activity::new(limits.timeouts)),
        unsent: limits.unsent.connection(),
        refused,
        body_timeout: limits.body_timeout,
        stopping: CancellationToken::new(),
    };
    let builder = builder(&limits);
    tokio::spawn(async move {
        serve_connection(socket, &builder, service, place, &CancellationToken::new()).await;
    });
    (client, unsent)
}

/// Sends a request and reads its response, which must have this body.
async fn exchange(client: &mut DuplexStream, request: &[u8], body: &str) -> String {
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(body.as_bytes()) {
        let read = client.read_buf(&mut answer).await.unwrap();
        assert!(read > 0, "closed after {answer:?}");
    }
    String::from_utf8(answer).unwrap()
}

/// Reads until the connection is closed.
async fn closed(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    // A reset also counts as closed.
    let _ = timeout(PATIENCE, client.read_to_end(&mut read))
        .await
        .expect("it is closed");
    String::from_utf8_lossy(&read).into_owned()
}

/// Timeouts in milliseconds.
fn timeouts(headers: u64, idle: u64) -> ServerConfig {
    let mut config = ServerConfig::default();
    config.connections.header_timeout = Setting::from_millis(headers);
    config.connections.idle_timeout = Setting::from_millis(idle);
    config
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let beginnings: [&[u8]; 6] = [
        b"",
        b"P",
        b"PRI * HTT",
        PREFACE,
        b"GET",
        b"GET / HTTP/1.1\r\nhost: a\r\n",
    ];
    for beginning in beginnings {
        let mut client = connect(&timeouts(50, LONG));
        client.write_all(beginning).await.unwrap();
        let read = closed(&mut client).await;
        assert!(!read.contains("answer"), "{read}");
    }
}

#[tokio::test]
async fn a_client_gets_no_more_time_by_sending_slowly() {
    let (mut read, mut write) = tokio::io::split(connect(&timeouts(50, LONG)));
    let dripping = async {
        write.write_all(b"GET /").await.unwrap();
        let mut drops = interval(Duration::from_millis(5));
        while write.write_all(b"a").await.is_ok() {
            drops.tick().await;
        }
    };
    tokio::join!(closed(&mut read), dripping);
}

#[tokio::test]
async fn an_idle_connection_lives_longer_than_headers_may_take() {
    let mut client = connect(&timeouts(2_000, LONG));
    exchange(&mut client, REQUEST, "answer").await;
    let closing = timeout(Duration::from_millis(2_500), client.read_u8()).await;
    assert!(closing.is_err(), "it was closed");
    exchange(&mut client, REQUEST, "answer").await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let mut client = connect(&timeouts(LONG, 50));
    exchange(&mut client, REQUEST, "answer").await;
    assert_eq!(closed(&mut client).await, "");
}

#[tokio::test]
async fn the_headers_of_a_further_request_have_their_own_time() {
    let mut client = connect(&timeouts(2_000, LONG));
    exchange(&mut client, REQUEST, "answer").await;
    client.write_all(b"GET").await.unwrap();
    assert_eq!(closed(&mut client).await, "");
}

#[tokio::test]
async fn a_request_in_flight_is_not_idle() {
    let mut client = connect(&timeouts(5_000, 5));
    let request = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    exchange(&mut client, request, "slow").await;
}

/// Clients may go without reading for this many milliseconds.
fn unread_for(write: u64) -> ServerConfig {
    let mut config = timeouts(LONG, LONG);
    config.connections.write_timeout = Setting::from_millis(write);
    config
}

/// Waits until the process holds unread bytes, or none.
async fn holds(unsent: &Unsent, something: bool) {
    let changed = async {
        while (unsent.bytes() > 0) != something {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, changed).await.expect("it changes");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed() {
    let (mut client, unsent) = connect_counted(&unread_for(50));
    let request = b"GET /counted HTTP/1.1\r\nhost: a\r\n\r\n";
    client.write_all(request).await.unwrap();
    holds(&unsent, true).await;
    holds(&unsent, false).await;
    let read = closed(&mut client).await;
    assert!(read.len() < LENGTH, "{} bytes", read.len());
}

/// The socket accepts writes, but the stream's window is closed.
#[tokio::test]
async fn a_client_of_http2_that_lets_nothing_be_sent_is_closed() {
    let (mut client, unsent) = connect_counted(&unread_for(50));
    let magic = &PREFACE[..PREFACE.len() - 9];
    let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0];
    let no_window = [0, 4, 0, 0, 0, 0];
    let get_counted = [&[0x82, 0x86, 0x41, 1, b'a', 4, 8][..], b"/counted"].concat();
    let length = u8::try_from(get_counted.len()).unwrap();
    let headers = [0, 0, length, 1, 5, 0, 0, 0, 1];
    let request = [magic, &settings, &no_window, &headers, &get_counted].concat();
    client.write_all(&request).await.unwrap();
    holds(&unsent, true).await;
    holds(&unsent, false).await;
    let read = closed(&mut client).await;
    assert!(!read.contains("xxx"), "{} bytes", read.len());
}

/// For any response, even if its bytes are not counted.
#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let mut client = connect(&unread_for(50));
    let request = b"GET /long HTTP/1.1\r\nhost: a\r\n\r\n";
    client.write_all(request).await.unwrap();
    // Writing fails once the peer is gone.
    let mut drops = interval(Duration::from_millis(5));
    let given_up = async {
        while client.write_all(b" ").await.is_ok() {
            drops.tick().await;
        }
    };
    timeout(PATIENCE, given_up).await.expect("it is closed");
    let read = closed(&mut client).await;
    assert!(read.len() < LENGTH, "{} bytes", read.len());
}

/// An HTTP/2 request to `/`.
async fn get_by_http2(client: &mut DuplexStream) {
    client.write_all(PREFACE).await.unwrap();
    let headers = [0, 0, 6, 1, 5, 0, 0, 0, 1];
    let get_slash = [0x82, 0x86, 0x84, 0x41, 1, b'a'];
    client.write_all(&headers).await.unwrap();
    client.write_all(&get_slash).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_of_http2_is_closed() {
    let mut client = connect(&timeouts(5_000, 50));
    get_by_http2(&mut client).await;
    // The client does not close its side.
    let answer = closed(&mut client).await;
    assert!(answer.contains("answer"), "{answer}");
}

#[tokio::test]
async fn a_client_of_http2_that_answers_no_ping_is_closed() {
    let mut config = timeouts(LONG, LONG);
    config.connections.ping_interval = Setting::from_millis(200);
    config.connections.ping_timeout = Setting::from_millis(200);
    let mut client = connect(&config);
    get_by_http2(&mut client).await;
    let answer = closed(&mut client).await;
    assert!(answer.contains("answer"), "{answer}");
}

#[tokio::test]
async fn a_body_must_arrive_in_time() {
    let mut config = timeouts(5_000, LONG);
    config.body_timeout = Setting::from_millis(200);
    let mut client = connect(&config);
    let request = b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf";
    client.write_all(request).await.unwrap();
    let answer = closed(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_request_of_http_1_1_names_one_host() {
    for headers in ["", "host: a\r\nhost: b\r\n"] {
        let mut client = connect(&ServerConfig::default());
        let request = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = closed(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let mut client = connect(&ServerConfig::default());
    let answer = exchange(&mut client, b"GET / HTTP/1.0\r\n\r\n", "answer").await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
}

#[tokio::test]
async fn no_answer_is_for_the_browser_to_guess_the_type_of() {
    let mut client = connect(&ServerConfig::default());
    let answer = exchange(&mut client, REQUEST, "answer").await;
    let answer = answer.to_ascii_lowercase();
    assert!(
        answer.contains("x-content-type-options: nosniff"),
        "{answer}"
    );
}

/// A listener with limits, and its shutdown.
async fn one_place(max: usize, max_per_address: usize) -> (SocketAddr, Shutdown) {
    let config = ServerConfig {
        connections: ConnectionsConfig {
            max: Some(max),
            max_per_address: Some(max_per_address),
            ..ConnectionsConfig::default()
        },
        ..ServerConfig::default()
    };
    let address = "127.0.0.1:0".parse().unwrap();
    let listener = bind(address, "--listen").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::default();
    let limits = Limits::new(&config, Unsent::new(&config.connections));
    let threads = Threads::Shared;
    tokio::spawn(serve(listener, app(), threads, limits, shutdown.clone()));
    (address, shutdown)
}

#[tokio::test]
async fn health_is_answered_when_there_are_no_more_connections() {
    for (max, max_per_address, status) in [(1, 2, "503"), (2, 1, "429")] {
        let (address, shutdown) = one_place(max, max_per_address).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(REQUEST).await.unwrap();
        first.readable().await.unwrap();
        let ask = async |request: &[u8]| {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(request).await.unwrap();
            let mut answer = String::new();
            // Such a connection is closed after one request.
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let health = ask(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        let refused = ask(REQUEST).await;
        assert!(
            refused.starts_with(&format!("HTTP/1.1 {status}")),
            "{refused}"
        );
        assert!(refused.contains("RATE_LIMITED"), "{refused}");
        shutdown.begun.cancel();
    }
}

#[tokio::test]
async fn a_shutdown_ends_idle_connections_at_once() {
    let (address, shutdown) = one_place(1, 1).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    client.readable().await.unwrap();
    shutdown.begun.cancel();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("answer"), "{answer}");
}

#[tokio::test]
async fn the_headers_of_an_upgrade_are_spelled_as_clients_look_for_them() {
    let mut client = connect(&ServerConfig::default());
    let request = "GET /websocket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        sec-websocket-protocol: spoken\r\n\r\n";
    let answer = exchange(&mut client, request.as_bytes(), "\r\n\r\n").await;
    for header in [
        "\r\nConnection: ",
        "\r\nUpgrade: ",
        "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
        "\r\nSec-WebSocket-Protocol: spoken\r\n",
    ] {
        assert!(answer.contains(header), "{answer}");
    }
}
