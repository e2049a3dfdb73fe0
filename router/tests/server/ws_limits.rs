//! WebSocket limits, heartbeats, slow clients, token expiry and shutdown.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Edge, rendered_metrics, until};
use crate::sockets::{Got, Socket};
use crate::subgraphs::Silent;

const HOUR: Duration = Duration::from_secs(3600);

fn millis(milliseconds: u64) -> platform::config::Duration {
    platform::config::Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn a_client_without_init_is_closed_with_4408() {
    let edge = Edge::with(|config| config.websocket.init_timeout = millis(20)).await;
    let mut socket = Socket::open(&edge).await;
    assert_eq!(socket.closed().await, 4408);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed_with_4000() {
    let edge = Edge::with(|config| {
        // Long enough for a busy machine to get ready.
        config.websocket.ping_interval = millis(1_000);
        config.websocket.pong_timeout = millis(500);
        config.websocket.close_timeout = millis(50);
    })
    .await;
    // A client that does not read does not answer pings.
    let mut socket = Socket::ready(&edge, json!({})).await;
    until("the connection is dropped", || {
        edge.state.connections.open() == 0
    })
    .await;
    assert_eq!(socket.closed().await, 4000);
    assert!(
        rendered_metrics().contains(r#"router_websocket_closes_total{reason="heartbeat_timeout"}"#)
    );
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let edge = Edge::with(|config| {
        config.websocket.ping_interval = millis(10);
        config.websocket.pong_timeout = millis(5000);
    })
    .await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    for _ in 0..5 {
        assert_eq!(socket.next_or_ping().await, Got::Ping);
    }
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(
        socket.next().await.json()["payload"]["data"]["hello"],
        "hello you"
    );
}

#[tokio::test]
async fn an_address_opens_so_many_at_any_path_and_is_told_when_to_come_back() {
    let edge = Edge::with(|config| {
        config.websocket.max_upgrades_per_minute = std::num::NonZeroU32::new(3);
    })
    .await;
    let _first = Socket::open(&edge).await;
    let signed_in = json!({"authorization": edge.token("usr_1", HOUR)});
    let _second = Socket::ready(&edge, signed_in).await;
    let watched = "/watch/feed%20%7B%20sequence%20%7D";
    let events = [("sec-websocket-protocol", "events-v1")];
    let _third = Socket::open_at(&edge, watched, &events)
        .await
        .expect("room");
    for (path, protocol) in [("/graphql", "graphql-transport-ws"), (watched, "events-v1")] {
        let headers = [("sec-websocket-protocol", protocol)];
        let refused = Socket::open_at(&edge, path, &headers).await;
        let refused = refused.err().expect("refused");
        assert_eq!(refused.status(), 429, "{path}");
        if path == "/graphql" {
            let wait = refused.headers()["retry-after"].to_str().expect("text");
            assert!((1..=20).contains(&wait.parse().expect("seconds")), "{wait}");
            let body = refused.body().as_deref().expect("a body");
            let body: Value = serde_json::from_slice(body).expect("JSON");
            assert_eq!(body["errors"][0]["extensions"]["code"], "RATE_LIMITED");
        }
    }
    assert!(rendered_metrics().contains(r#"router_connections_refused_total{reason="rate"}"#));
}

#[tokio::test]
async fn a_users_sixth_connection_closes_the_first() {
    let edge = Edge::start().await;
    let token = edge.token("usr_many", HOUR);
    let payload = json!({"authorization": token});
    let mut other = Socket::ready(
        &edge,
        json!({"authorization": edge.token("usr_other", HOUR)}),
    )
    .await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(Socket::ready(&edge, payload.clone()).await);
    }
    sockets[0].subscribe("1", "{ hello }").await;
    assert_eq!(sockets[0].next().await.json()["type"], "next");
    sockets.push(Socket::ready(&edge, payload).await);
    assert_eq!(sockets[0].closed().await, 4001);
    for socket in sockets.iter_mut().skip(1).chain([&mut other]) {
        socket.subscribe("1", "{ hello }").await;
        assert_eq!(socket.next().await.json()["type"], "next");
    }
    until("the close is counted", || {
        rendered_metrics().contains(r#"router_websocket_closes_total{reason="connection_limit"}"#)
    })
    .await;
}

#[tokio::test]
async fn a_full_instance_answers_503_until_one_has_left() {
    let edge = Edge::with(|config| config.websocket.max_connections = 1).await;
    let first = Socket::ready(&edge, json!({})).await;
    let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
    let refused = Socket::open_with(&edge, &headers)
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    until("the slot is free", || edge.state.connections.open() == 0).await;
    Socket::ready(&edge, json!({})).await;
}

#[tokio::test]
async fn an_address_has_so_many_connections_that_are_nobodys() {
    let edge = Edge::with(|config| config.websocket.max_anonymous_per_address = 2).await;
    let payload = json!({"authorization": edge.token("usr_here", HOUR)});
    let _signed_in = Socket::ready(&edge, payload.clone()).await;
    let first = Socket::ready(&edge, json!({})).await;
    let _second = Socket::ready(&edge, json!({})).await;
    let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
    let refused = Socket::open_with(&edge, &headers)
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    until("the slot is free", || edge.state.connections.open() == 2).await;
    Socket::ready(&edge, payload).await;
}

#[tokio::test]
async fn who_is_not_signed_in_has_fewer_operations() {
    let edge = Edge::with(|config| config.websocket.max_anonymous_operations = 2).await;
    let feed = "subscription { feed { sequence snapshot } }";
    let refused = async |payload: Value| {
        let mut socket = Socket::ready(&edge, payload).await;
        for id in ["1", "2", "3"] {
            socket.subscribe(id, feed).await;
        }
        loop {
            let message = socket.next().await.json();
            if message["type"] == "error" {
                return message["id"] == "3";
            }
            if message["id"] == "3" {
                return false;
            }
        }
    };
    assert!(refused(json!({})).await);
    assert!(!refused(json!({"authorization": edge.token("usr_1", HOUR)})).await);
}

#[tokio::test]
async fn pages_of_foreign_origins_and_bad_tokens_get_no_connection() {
    let edge = Edge::with(|config| {
        config.development = false;
        config.cors.origins = vec!["https://shop.example.com".to_owned()];
    })
    .await;
    let check = async |name: &'static str, value: &str, expect: Option<u16>| {
        let headers = [
            ("sec-websocket-protocol", "graphql-transport-ws"),
            (name, value),
        ];
        let refused = Socket::open_with(&edge, &headers).await.err();
        assert_eq!(
            refused.map(|response| response.status().as_u16()),
            expect,
            "{name}: {value}"
        );
    };
    check("origin", "https://shop.example.com", None).await;
    check("origin", &format!("http://{}", edge.address), None).await;
    check("origin", "https://evil.test", Some(403)).await;
    check("origin", "http://localhost:3000", Some(403)).await;
    check("origin", "null", Some(403)).await;
    check("authorization", "Bearer nonsense", Some(401)).await;
    check(
        "authorization",
        &format!("Bearer {}", edge.token("usr_1", HOUR)),
        None,
    )
    .await;
}

#[tokio::test]
async fn the_connection_ends_with_its_token() {
    let edge = Edge::start().await;
    let token = edge.token("usr_1", Duration::from_secs(4));
    let mut socket = Socket::ready(&edge, json!({"authorization": token})).await;
    socket
        .subscribe("1", "subscription { forever { number } }")
        .await;
    assert_eq!(socket.next().await.json()["type"], "next");
    assert_eq!(socket.closed().await, 4403);
    until("the source is closed", || {
        edge.source.open.load(Ordering::Relaxed) == 0
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_skips_events_but_never_the_last() {
    const EVENTS: u64 = 2000;
    // Who does not read answers no ping, and a busy machine may take long until the source has ended.
    let edge = Edge::with(|config| config.websocket.ping_interval = HOUR.into()).await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    // 40 MB: far more than the socket buffers on both sides hold.
    socket
        .subscribe(
            "1",
            &format!("subscription {{ count(to: {EVENTS}, padding: 20000) {{ number padding }} }}"),
        )
        .await;
    until("the source has ended", || {
        edge.source.taken.load(Ordering::Relaxed) == EVENTS
            && edge.source.open.load(Ordering::Relaxed) == 0
    })
    .await;
    let mut numbers = Vec::new();
    loop {
        let message = socket.next().await.json();
        if message["type"] == "complete" {
            break;
        }
        numbers.push(
            message["payload"]["data"]["count"]["number"]
                .as_u64()
                .expect("a number"),
        );
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&EVENTS));
    assert!(numbers.len() < EVENTS as usize, "nothing was skipped");
    assert!(rendered_metrics().contains("router_websocket_coalesced_total"));
}

#[tokio::test]
async fn too_many_operations_are_refused_one_by_one() {
    let edge = Edge::with(|config| config.websocket.max_operations = 2).await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    for id in ["1", "2"] {
        socket
            .subscribe(id, "subscription { forever { number } }")
            .await;
        assert_eq!(socket.next().await.json()["type"], "next");
    }
    socket.subscribe("3", "{ hello }").await;
    let refused = socket.next().await.json();
    assert_eq!(
        (&refused["id"], &refused["type"]),
        (&json!("3"), &json!("error"))
    );
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
}

#[tokio::test]
async fn shutdown_closes_every_connection_with_1001_and_admits_no_more() {
    let edge = Edge::with(|config| config.websocket.drain_window = millis(100)).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = Socket::ready(&edge, json!({})).await;
        socket
            .subscribe("1", "subscription { forever { number } }")
            .await;
        assert_eq!(socket.next().await.json()["type"], "next");
        sockets.push(socket);
    }
    let state = edge.state.clone();
    let drained = tokio::spawn(async move { state.drain().await });
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, 1001);
    }
    drained.await.expect("drained");
    assert_eq!(edge.state.connections.open(), 0);
    let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
    let refused = Socket::open_with(&edge, &headers)
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.status(), 503);
}

#[tokio::test]
async fn a_source_that_does_not_start_in_time_closes_with_4002() {
    let edge = Edge::over(Arc::new(Silent), |config| {
        config.websocket.subscribe_timeout = millis(20);
    })
    .await;
    let mut socket = Socket::ready(&edge, Value::Null).await;
    socket
        .subscribe("1", "subscription { forever { number } }")
        .await;
    assert_eq!(socket.closed().await, 4002);
}
