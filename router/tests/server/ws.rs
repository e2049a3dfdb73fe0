//! `graphql-transport-ws`: operations and protocol violations.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{Edge, other_router, until};
use crate::requests::Case;
use crate::sockets::{Got, Socket};

#[tokio::test]
async fn a_subscription_delivers_its_events_in_order_and_completes() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    socket
        .subscribe("1", "subscription { count(to: 3) { number } }")
        .await;
    for number in 1..=3 {
        assert_eq!(
            socket.next().await.json(),
            json!({"id": "1", "type": "next", "payload": {"data": {"count": {"number": number}}}})
        );
    }
    assert_eq!(
        socket.next().await.json(),
        json!({"id": "1", "type": "complete"})
    );
}

#[tokio::test]
async fn queries_and_mutations_are_answered_with_one_event() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    let check = [
        ("{ hello }", json!({"data": {"hello": "hello you"}})),
        (
            "mutation { double(number: 21) }",
            json!({"data": {"double": 42}}),
        ),
    ];
    for (query, payload) in check {
        socket.subscribe("same id", query).await;
        assert_eq!(
            socket.next().await.json(),
            json!({"id": "same id", "type": "next", "payload": payload})
        );
        assert_eq!(
            socket.next().await.json(),
            json!({"id": "same id", "type": "complete"})
        );
    }
}

#[tokio::test]
async fn an_operation_that_cannot_run_ends_with_an_error_and_leaves_the_connection() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { unknown }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { count(to: \"x\") { number } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "query A { hello } query B { hello }",
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            "query($n: Int!) { hello(name: $n) }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("query($n: String!) { hello(name: $n) }", "BAD_USER_INPUT"),
    ] {
        socket.subscribe("1", query).await;
        let message = socket.next().await.json();
        assert_eq!(message["type"], "error", "{query}: {message}");
        assert_eq!(message["id"], "1");
        assert_eq!(
            message["payload"][0]["extensions"]["code"], code,
            "{message}"
        );
    }
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.next().await.json()["type"], "next");
}

#[tokio::test]
async fn a_request_that_cannot_be_read_ends_no_other_operation() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    socket
        .subscribe("live", "subscription { feed { sequence } }")
        .await;
    assert_eq!(socket.next().await.json()["id"], "live");
    for payload in [
        r#"{"query":"query($n: String) { hello(name: $n) }","variables":{"n":"caf\u00e9 \ud83d"}}"#,
        r#"{"query":"mutation($n: Int!) { double(number: $n) }","variables":{"n":1e400}}"#,
        r#"{"query":""}"#,
        r#"{"query":null}"#,
        r#"{"query":7}"#,
        r#"{}"#,
        r#"{"query":"{ hello }","variables":"{}"}"#,
        r#"{"query":"{ hello }","operationName":[]}"#,
    ] {
        let text = format!(r#"{{"type":"subscribe","id":"bad","payload":{payload}}}"#);
        socket.send_raw(Message::text(text)).await;
        let message = socket.next().await.json();
        assert_eq!(message["type"], "error", "{payload}: {message}");
        assert_eq!(message["id"], "bad", "{payload}");
        assert_eq!(
            message["payload"][0]["extensions"]["code"], "BAD_USER_INPUT",
            "{payload}"
        );
    }
    edge.source.publish();
    assert_eq!(socket.next().await.json()["id"], "live");
}

#[tokio::test]
async fn a_subscription_whose_field_is_skipped_is_refused_alone() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    let query = "subscription($no: Boolean!) { feed @skip(if: $no) { sequence } }";
    let payload = json!({"query": query, "variables": {"no": true}});
    socket
        .send(json!({"id": "1", "type": "subscribe", "payload": payload}))
        .await;
    let message = socket.next().await.json();
    assert_eq!(message["type"], "error");
    assert_eq!(
        message["payload"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "{message}"
    );
    for accept in ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"] {
        let response = Case::post(payload.to_string())
            .header("accept", accept)
            .send(&edge)
            .await;
        assert_eq!(response.status(), 400, "{accept}");
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
            "{answer}"
        );
    }
    socket.subscribe("2", "{ hello }").await;
    assert_eq!(socket.next().await.json()["type"], "next");
}

#[tokio::test]
async fn a_completed_subscription_stops_its_source_and_frees_its_id() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    for _ in 0..2 {
        socket
            .subscribe("1", "subscription { forever { number } }")
            .await;
        assert_eq!(socket.next().await.json()["type"], "next");
        assert_eq!(edge.source.open.load(Ordering::Relaxed), 1);
        socket.send(json!({"id": "1", "type": "complete"})).await;
        until("the source is closed", || {
            edge.source.open.load(Ordering::Relaxed) == 0
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_stops_its_sources() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    socket
        .subscribe("1", "subscription { forever { number } }")
        .await;
    assert_eq!(socket.next().await.json()["type"], "next");
    drop(socket);
    until("the source is closed", || {
        edge.source.open.load(Ordering::Relaxed) == 0
    })
    .await;
    until("the connection is removed", || {
        edge.state.connections.open() == 0
    })
    .await;
}

#[tokio::test]
async fn pings_are_answered_with_their_payload_even_before_the_start() {
    let edge = Edge::start().await;
    let mut socket = Socket::open(&edge).await;
    socket
        .send(json!({"type": "ping", "payload": {"n": 1}}))
        .await;
    assert_eq!(
        socket.next().await.json(),
        json!({"type": "pong", "payload": {"n": 1}})
    );
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await.json(), json!({"type": "pong"}));
}

#[tokio::test]
async fn each_breach_of_the_protocol_has_its_close_code() {
    let init = || json!({"type": "connection_init"});
    let forever = json!({"id": "1", "type": "subscribe", "payload": {"query": "subscription { forever { number } }"}});
    let edge = Edge::start().await;
    let check = async |what: &str, messages: Vec<Value>, code: u16| {
        let mut socket = Socket::open(&edge).await;
        for message in messages {
            socket.send(message).await;
        }
        assert_eq!(socket.closed().await, code, "{what}");
    };
    check("subscribe before ack", vec![forever.clone()], 4401).await;
    check("two inits", vec![init(), init()], 4429).await;
    check("an id in use", vec![init(), forever.clone(), forever], 4409).await;
    check(
        "an unknown type",
        vec![init(), json!({"type": "start"})],
        4400,
    )
    .await;
    check("not an object", vec![json!([1])], 4400).await;
    check(
        "no payload",
        vec![init(), json!({"id": "1", "type": "subscribe"})],
        4400,
    )
    .await;
    check(
        "a bad token",
        vec![json!({"type": "connection_init", "payload": {"authorization": "Bearer x"}})],
        4403,
    )
    .await;
    check(
        "a malformed token",
        vec![json!({"type": "connection_init", "payload": {"authorization": 1}})],
        4403,
    )
    .await;

    let mut socket = Socket::open(&edge).await;
    socket.send_raw(Message::binary(vec![1, 2])).await;
    assert_eq!(socket.closed().await, 4400, "binary");

    let mut socket = Socket::open(&edge).await;
    socket.send_raw(Message::text("{")).await;
    assert_eq!(socket.closed().await, 4400, "no JSON");

    let mut socket = Socket::open_with(&edge, &[]).await.expect("an upgrade");
    assert_eq!(socket.closed().await, 4406, "no subprotocol");
}

#[tokio::test]
async fn an_oversized_message_closes_with_1009() {
    let edge = Edge::with(|config| config.websocket.max_message_bytes = 1024).await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    socket
        .subscribe("1", &format!("{{ hello(name: \"{}\") }}", "x".repeat(2000)))
        .await;
    assert_eq!(socket.closed().await, 1009);
}

#[tokio::test]
async fn the_payloads_token_counts_before_the_headers() {
    let edge = Edge::start().await;
    let hour = std::time::Duration::from_secs(3600);
    let (header, payload) = (
        edge.token("usr_header", hour),
        edge.token("usr_payload", hour),
    );
    let who = async |headers: &[(&'static str, &str)], payload: Value| {
        let mut all = vec![("sec-websocket-protocol", "graphql-transport-ws")];
        all.extend_from_slice(headers);
        let mut socket = Socket::open_with(&edge, &all).await.expect("an upgrade");
        socket
            .send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(socket.next().await.json()["type"], "connection_ack");
        socket
            .subscribe("1", "{ caller { subject ip requestId } }")
            .await;
        socket.next().await.json()["payload"]["data"]["caller"].clone()
    };
    let bearer = format!("Bearer {header}");
    let header = [("authorization", bearer.as_str()), ("x-request-id", "ws-1")];
    let nobody = who(&[], json!({})).await;
    assert_eq!(nobody["subject"], Value::Null);
    assert_eq!(nobody["ip"], "127.0.0.1");
    let by_header = who(&header, json!({})).await;
    assert_eq!(
        (&by_header["subject"], &by_header["requestId"]),
        (&json!("usr_header"), &json!("ws-1"))
    );
    assert_eq!(
        who(&header, json!({"authorization": payload})).await["subject"],
        "usr_payload"
    );
    assert_eq!(
        who(&[], json!({"Authorization": format!("Bearer {payload}")})).await["subject"],
        "usr_payload"
    );
}

#[tokio::test]
async fn operations_of_an_open_connection_use_the_router_of_the_day() {
    let edge = Edge::start().await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    edge.state.reload(other_router()).await.expect("it fits");
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(
        socket.next().await.json()["payload"]["data"]["hello"],
        "hello from the other"
    );
    assert_eq!(
        socket.next().await,
        Got::Json(json!({"id": "1", "type": "complete"}))
    );
}
