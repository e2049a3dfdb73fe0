//! Live tracking through the running binary: a snapshot, then every update in order, in every layout.

use crate::kit::{Graph, Layout, layouts};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Moves a parcel every 50 ms, so that a test need not wait.
const SHOP: [(&str, &str); 2] = [
    ("VANTAGE_DEMO__ORDERS", "60"),
    ("VANTAGE_DEMO__TICKER_INTERVAL", "50ms"),
];

const TRACKING: &str = "subscription($order: ID!) { orderTracking(orderId: $order) { sequence snapshot status location timestamp carrier shipment { trackingNumber status } order { id status total { formatted } } } }";

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(graph: &Graph, token: Option<&str>) -> Socket {
    let url = format!("{}/graphql", graph.router.base.replace("http", "ws"));
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(
        "sec-websocket-protocol",
        "graphql-transport-ws".parse().unwrap(),
    );
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let payload = token.map_or(
        json!({}),
        |token| json!({ "authorization": format!("Bearer {token}") }),
    );
    send(
        &mut socket,
        json!({ "type": "connection_init", "payload": payload }),
    )
    .await;
    assert_eq!(receive(&mut socket).await["type"], "connection_ack");
    socket
}

async fn send(socket: &mut Socket, message: Value) {
    socket
        .send(Message::text(message.to_string()))
        .await
        .unwrap();
}

async fn receive(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("a message").unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Close(frame) => panic!("closed: {frame:?}"),
            _ => {}
        }
    }
}

async fn watch(socket: &mut Socket, order: &Value) {
    let payload = json!({ "query": TRACKING, "variables": { "order": order } });
    send(
        socket,
        json!({ "id": "1", "type": "subscribe", "payload": payload }),
    )
    .await;
}

#[tokio::test]
async fn a_watcher_gets_a_snapshot_and_then_every_update_in_order() {
    for layout in layouts() {
        let graph = Graph::start(layout, &SHOP, &["--demo"]).await;
        let token = graph.demo_token().await;
        // One that moves: on its way, or delivered just now, which starts over when it is watched.
        let sent = "{ me { orders(status: [SHIPPED, DELIVERED], first: 100) { nodes { id deliveredAt } } } }";
        let answer = graph.ask(Some(&token), sent, json!({})).await;
        let orders = answer["data"]["me"]["orders"]["nodes"].as_array().unwrap();
        let not_yet = "later than any time";
        let moving = orders
            .iter()
            .max_by_key(|order| order["deliveredAt"].as_str().unwrap_or(not_yet));
        let order = &moving.expect("an order that was sent")["id"];

        // Two watchers of one order get the same.
        let mut sockets = [
            connect(&graph, Some(&token)).await,
            connect(&graph, Some(&token)).await,
        ];
        for socket in &mut sockets {
            watch(socket, order).await;
            let mut last = None;
            for event in 0..4 {
                let message = receive(socket).await;
                assert_eq!(message["type"], "next", "{layout:?}: {message:#}");
                assert_eq!(message["payload"].get("errors"), None, "{message:#}");
                let update = &message["payload"]["data"]["orderTracking"];
                assert_eq!(update["snapshot"], event == 0, "{update:#}");
                assert_eq!(&update["order"]["id"], order);
                assert!(
                    update["order"]["total"]["formatted"].is_string(),
                    "{update:#}"
                );
                let sequence = update["sequence"].as_i64().unwrap();
                if let Some(last) = last {
                    assert_eq!(sequence, last + 1, "{layout:?}: no gap and no repeat");
                }
                last = Some(sequence);
            }
        }
        graph.stop().await;
    }
}

#[tokio::test]
async fn only_the_owner_may_watch() {
    let graph = Graph::start(Layout::Sqlite, &SHOP, &[]).await;
    let token = graph.demo_token().await;
    let answer = graph
        .ask(
            Some(&token),
            "{ me { orders(first: 1) { nodes { id } } } }",
            json!({}),
        )
        .await;
    let order = &answer["data"]["me"]["orders"]["nodes"][0]["id"];
    let other = graph
        .run(&["token", "--customer", "customer1@vantage.example"])
        .await;
    for (token, code) in [
        (Some(other.as_str()), "FORBIDDEN"),
        (None, "UNAUTHENTICATED"),
    ] {
        let mut socket = connect(&graph, token).await;
        watch(&mut socket, order).await;
        let message = receive(&mut socket).await;
        // Refused at once, or as the first and only event: the client sees the code either way.
        let errors = match message["type"].as_str() {
            Some("error") => &message["payload"],
            _ => &message["payload"]["errors"],
        };
        assert_eq!(errors[0]["extensions"]["code"], code, "{message:#}");
    }
    graph.stop().await;
}
