//! The live tracking WebSocket: first the documented samples, then all ways of rejection and closing.

use std::time::{Duration, SystemTime};

use chrono::Utc;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, Response};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::client::Client;
use super::shop::{deliver, send};
use crate::kit::{Graph, layouts};
use crate::tracking_client::{self, Shop};
use crate::wait::{PATIENCE, until};

const SUBPROTOCOL: (&str, &str) = ("sec-websocket-protocol", "vantage-tracking-v1");

/// A connection, and its upgrade's response headers.
struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    headers: HeaderMap,
}

/// How a connection ended.
#[derive(Debug, PartialEq)]
struct Closed(Option<u16>);

impl Socket {
    async fn open(
        base: &str,
        order: &str,
        token: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Response<Option<Vec<u8>>>>> {
        let url = format!("{}/ws/orders/{order}/track", base.replace("http", "ws"));
        let mut request = url.into_client_request().unwrap();
        let bearer = token.map(|token| format!("Bearer {token}"));
        let bearer = bearer.as_deref().map(|bearer| ("authorization", bearer));
        for (name, value) in headers.iter().copied().chain(bearer) {
            let name = HeaderName::from_static(name);
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, response)) => Ok(Self {
                stream,
                headers: response.headers().clone(),
            }),
            Err(Error::Http(response)) => Err(response),
            Err(error) => panic!("{error}"),
        }
    }

    /// A connection of the shop's customer, which must be accepted.
    async fn of(shop: &Shop, order: &str) -> Self {
        let opened = Self::open(&shop.process.base, order, Some(&shop.token), &[SUBPROTOCOL]).await;
        opened.expect("the upgrade is accepted")
    }

    /// The next raw message; answers pings.
    async fn text(&mut self) -> Result<String, Closed> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                    Some(Ok(Message::Close(frame))) => {
                        return Err(Closed(frame.map(|frame| frame.code.into())));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(Closed(None)),
                }
            }
        };
        let next = tokio::time::timeout(PATIENCE, next).await;
        next.expect("a message in time")
    }

    async fn next(&mut self) -> Value {
        let text = self.text().await.expect("a message");
        serde_json::from_str(&text).unwrap()
    }

    /// The close code, and the last message before it, if any.
    async fn end(&mut self) -> (Closed, Option<Value>) {
        let mut last = None;
        loop {
            match self.text().await {
                Ok(text) => last = Some(serde_json::from_str(&text).unwrap()),
                Err(closed) => return (closed, last),
            }
        }
    }

    async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// Status, code and message of a rejected upgrade.
async fn refused(
    base: &str,
    order: &str,
    token: Option<&str>,
    headers: &[(&'static str, &str)],
) -> (u16, String, String) {
    let opened = Socket::open(base, order, token, headers).await;
    let response = opened.err().expect("refused");
    let kind = &response.headers()["content-type"];
    assert_eq!(kind, "application/json; charset=utf-8");
    let body: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
    let text = |name: &str| body[name].as_str().expect("a text").to_owned();
    (response.status().as_u16(), text("error"), text("message"))
}

async fn customer(shop: &Shop) -> String {
    let me = shop.query("{ me { id } }", json!({})).await;
    me["me"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_samples_of_live_tracking_are_spoken_as_they_are_printed() {
    let shop = Shop::start(&[]).await;
    let customer = customer(&shop).await;
    let orders = shop.database("orders").await;
    let order = deliver(&orders, &customer, Utc::now()).await.order;
    send(&shop.database("tracking").await, &customer, &order).await;

    let headers = [SUBPROTOCOL, ("x-request-id", "req_ws_track_001")];
    let opened = Socket::open(&shop.process.base, &order, Some(&shop.token), &headers).await;
    let mut socket = opened.expect("the upgrade is accepted");
    assert_eq!(
        socket.header("sec-websocket-protocol"),
        "vantage-tracking-v1"
    );
    assert_eq!(socket.header("x-request-id"), "req_ws_track_001");
    let id = socket.header("x-ws-connection-id").to_owned();
    let acknowledged = socket.text().await.unwrap();
    let printed = r#"{"event":"connection_ack","data":{"connection_id":"ws_conn_7f8e9d0a","order_id":"ord_1a2b3c4d5e6f","carrier":"dhl","current_status":"out_for_delivery"}}"#;
    let printed = printed.replace("ws_conn_7f8e9d0a", &id);
    assert_eq!(acknowledged, printed.replace("ord_1a2b3c4d5e6f", &order));

    // The carrier sends webhooks.
    let parcel = tracking_client::Parcel {
        order: order.clone(),
        number: "DHL1234567890".to_owned(),
        carrier: "dhl".to_owned(),
    };
    shop.scan(&parcel, "DELIVERED", "Brooklyn NY").await;
    let update = loop {
        let update = socket.text().await.unwrap();
        if update.contains("delivered") {
            break update;
        }
    };
    let value: Value = serde_json::from_str(&update).unwrap();
    let time = value["data"]["timestamp"].as_str().unwrap();
    assert!(chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%SZ").is_ok());
    let estimated = value["data"]["estimated_delivery"].to_string();
    let expected = format!(
        r#"{{"event":"tracking_update","data":{{"status":"delivered","location":"Brooklyn NY","timestamp":"{time}","estimated_delivery":{estimated},"carrier":"dhl"}}}}"#
    );
    assert_eq!(update, expected);
    shop.stop().await;
}

#[tokio::test]
async fn who_may_not_watch_is_told_before_the_upgrade() {
    let secret = "a secret for tests, long enough to be used";
    let shop = Shop::start(&[("VANTAGE_AUTH__DEVELOPMENT_SECRET", secret)]).await;
    let (base, order) = (&*shop.process.base, &*shop.moving[0].order);
    let owner = customer(&shop).await;
    let own = Some(shop.token.as_str());

    let (status, code, _) = refused(base, order, None, &[SUBPROTOCOL]).await;
    assert_eq!((status, &*code), (401, "UNAUTHENTICATED"));
    let (status, code, _) = refused(base, order, Some("no.such.token"), &[SUBPROTOCOL]).await;
    assert_eq!((status, &*code), (401, "UNAUTHENTICATED"));
    let other = shop
        .run(&["token", "--customer", "usr_01h455vb4pex5vsknk084sn02q"])
        .await;
    let headers = [("x-request-id", "req_ws_track_002")];
    let printed = (
        403,
        "FORBIDDEN".to_owned(),
        "You can only track orders you own".to_owned(),
    );
    assert_eq!(refused(base, order, Some(&other), &headers).await, printed);
    for nobodys in ["ord_other_user_order", "ord_01h455vb4pex5vsknk084sn02q"] {
        assert_eq!(refused(base, nobodys, own, &headers).await, printed);
    }
    let version = [SUBPROTOCOL, ("x-api-version", "v2")];
    let (status, code, _) = refused(base, order, own, &version).await;
    assert_eq!((status, &*code), (400, "UNSUPPORTED_API_VERSION"));

    // A token for one order gives access only to that order.
    let token = |order: &str| {
        let exp = SystemTime::now() + Duration::from_secs(3600);
        let exp = exp
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({ "sub": owner, "exp": exp, "order_id": order });
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes()).unwrap();
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    };
    let opened = Socket::open(base, order, Some(&token(order)), &[SUBPROTOCOL]).await;
    assert_eq!(opened.unwrap().next().await["event"], "connection_ack");
    let elsewhere = token("ord_01h455vb4pex5vsknk084sn02q");
    let (status, code, _) = refused(base, order, Some(&elsewhere), &[SUBPROTOCOL]).await;
    assert_eq!((status, &*code), (403, "FORBIDDEN"));

    // Not an upgrade, or too long for one.
    let client = Client::new(base, own);
    let path = format!("/ws/orders/{order}/track");
    let answer = client.get(&path, &[]).await;
    answer.error(426, "UPGRADE_REQUIRED");
    assert_eq!(answer.header("upgrade"), "websocket");
    let long = "x".repeat(4097);
    let answer = client
        .send(reqwest::Method::GET, &path, &[], Some(&long))
        .await;
    answer.error(413, "PAYLOAD_TOO_LARGE");
    client
        .post(&path, &[], "{}")
        .await
        .error(405, "METHOD_NOT_ALLOWED");
    client.get("/ws/orders", &[]).await.error(404, "NOT_FOUND");
    shop.stop().await;
}

#[tokio::test]
async fn a_full_instance_refuses_with_503() {
    let shop = Shop::start(&[("VANTAGE_SERVER__WEBSOCKET__MAX_CONNECTIONS", "1")]).await;
    let order = &*shop.moving[0].order;
    let mut first = Socket::of(&shop, order).await;
    let base = &shop.process.base;
    let (status, code, _) = refused(base, order, Some(&shop.token), &[SUBPROTOCOL]).await;
    assert_eq!((status, &*code), (503, "SERVICE_UNAVAILABLE"));
    first.stream.close(None).await.unwrap();
    let opened = until("the slot is free", async || {
        Socket::open(base, order, Some(&shop.token), &[SUBPROTOCOL])
            .await
            .ok()
    });
    assert_eq!(opened.await.next().await["event"], "connection_ack");
    shop.stop().await;
}

#[tokio::test]
async fn a_users_connections_are_counted_with_those_of_graphql() {
    let shop = Shop::start(&[]).await;
    let order = &*shop.moving[0].order;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = Socket::of(&shop, order).await;
        assert_eq!(socket.next().await["event"], "connection_ack");
        sockets.push(socket);
    }
    let mut graphql = Vec::new();
    for _ in 0..2 {
        let connected = tracking_client::Client::connect(&shop.process.base, Some(&shop.token));
        graphql.push(connected.await);
    }
    let mut sixth = Socket::of(&shop, order).await;
    assert_eq!(sixth.next().await["event"], "connection_ack");
    assert_eq!(sockets[0].end().await, (Closed(Some(4001)), None));
    for socket in &mut sockets[1..] {
        socket.say(r#"{"event":"heartbeat"}"#).await;
        assert_eq!(socket.next().await["event"], "heartbeat_ack");
    }
    let _seventh = tracking_client::Client::connect(&shop.process.base, Some(&shop.token)).await;
    assert_eq!(sockets[1].end().await.0, Closed(Some(4001)));
    shop.stop().await;
}

#[tokio::test]
async fn what_a_client_says_is_answered_or_ends_the_connection() {
    let shop = Shop::start(&[]).await;
    let order = &*shop.moving[0].order;
    let mut socket = Socket::of(&shop, order).await;
    let id = socket.header("x-ws-connection-id").to_owned();
    assert_eq!(socket.next().await["data"]["connection_id"], id.as_str());
    socket.say(r#"{"event":"heartbeat"}"#).await;
    let answer = json!({ "event": "heartbeat_ack", "data": { "connection_id": id } });
    assert_eq!(socket.next().await, answer);
    for (message, code) in [("{}".to_owned(), 4400), ("x".repeat(4097), 1009)] {
        let mut socket = Socket::of(&shop, order).await;
        socket.next().await;
        socket.say(&message).await;
        let (closed, last) = socket.end().await;
        assert_eq!(closed, Closed(Some(code)));
        let last = last.expect("a message");
        assert_eq!(
            (&last["event"], &last["data"]["code"]),
            (&json!("error"), &json!("BAD_USER_INPUT"))
        );
    }
    shop.stop().await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_with_4000() {
    let shop = Shop::start(&[
        ("VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL", "200ms"),
        ("VANTAGE_SERVER__WEBSOCKET__PONG_TIMEOUT", "200ms"),
        ("VANTAGE_SERVER__WEBSOCKET__CLOSE_TIMEOUT", "100ms"),
    ])
    .await;
    // A client that does not read does not answer pings.
    let mut silent = Socket::of(&shop, &shop.moving[0].order).await;
    until("the connection is dropped", async || {
        let metrics = shop.metrics().await;
        let closed = r#"router_websocket_closes_total{reason="heartbeat_timeout"} 1"#;
        metrics.contains(closed).then_some(())
    })
    .await;
    assert_eq!(silent.end().await.0, Closed(Some(4000)));
    shop.stop().await;
}

#[tokio::test]
async fn live_tracking_that_is_switched_off_ends_with_4003_and_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("flags.yaml");
    let flag = |default: &str| {
        format!(
            "flags:\n  realtime_order_tracking:\n    state: ENABLED\n    variants: {{ \"on\": true, \"off\": false }}\n    defaultVariant: \"{default}\"\n"
        )
    };
    std::fs::write(&file, flag("on")).unwrap();
    let shop = Shop::start(&[
        ("VANTAGE_FLAGS__FILE", file.to_str().unwrap()),
        ("VANTAGE_FLAGS__RELOAD_INTERVAL", "100ms"),
        ("VANTAGE_TRACKING__RECHECK_INTERVAL", "100ms"),
    ])
    .await;
    let order = &*shop.moving[0].order;
    let mut socket = Socket::of(&shop, order).await;
    socket.next().await;
    std::fs::write(&file, flag("off")).unwrap();
    let (closed, last) = socket.end().await;
    assert_eq!(closed, Closed(Some(4003)));
    let last = last.expect("a message");
    assert_eq!(
        (&last["event"], &last["data"]["code"]),
        (&json!("error"), &json!("FEATURE_DISABLED"))
    );
    let base = &shop.process.base;
    let (status, code, message) = refused(base, order, Some(&shop.token), &[SUBPROTOCOL]).await;
    assert_eq!((status, &*code), (403, "FORBIDDEN"));
    assert!(message.contains("switched off"), "{message}");
    // Polling still works.
    let client = Client::new(base, Some(&shop.token));
    let answer = client
        .get(&format!("/api/v2/orders/{order}/tracking"), &[])
        .await;
    assert_eq!(answer.status, 200);
    shop.stop().await;
}

#[tokio::test]
async fn a_process_that_stops_closes_with_1001() {
    let mut shop = Shop::start(&[("VANTAGE_SERVER__WEBSOCKET__DRAIN_WINDOW", "100ms")]).await;
    let mut socket = Socket::of(&shop, &shop.moving[0].order).await;
    socket.next().await;
    let (closed, stopped) = tokio::join!(socket.end(), shop.process.stop());
    assert_eq!(closed, (Closed(Some(1001)), None));
    assert!(stopped.success());
}

#[tokio::test]
async fn an_order_without_a_parcel_is_followed_from_its_label_on_in_every_layout() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
        let token = graph.demo_token().await;
        let me = graph.query(Some(&token), "{ me { id } }", json!({})).await;
        let customer = me["data"]["me"]["id"].as_str().unwrap();
        let orders = graph.database("orders").await;
        let order = deliver(&orders, customer, Utc::now()).await.order;
        let base = &graph.router.base;
        let opened = Socket::open(base, &order, Some(&token), &[SUBPROTOCOL]).await;
        let acknowledged = opened.unwrap().next().await;
        let data = &acknowledged["data"];
        assert_eq!(
            (&data["order_id"], &data["carrier"], &data["current_status"]),
            (&json!(order), &Value::Null, &json!("not_shipped")),
            "{layout:?}"
        );
        // With separate processes, the rejection arrives as the first event.
        let other = graph
            .run(&["token", "--customer", "usr_01h455vb4pex5vsknk084sn02q"])
            .await;
        let (status, _, message) = refused(base, &order, Some(&other), &[SUBPROTOCOL]).await;
        assert_eq!(
            (status, &*message),
            (403, "You can only track orders you own"),
            "{layout:?}"
        );
        graph.stop().await;
    }
}
