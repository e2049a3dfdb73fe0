//! WebSockets that carry a single subscription in their own protocol, under the same rules as GraphQL WebSockets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, RequestExt};
use router::server::{ClientRequest, EventProtocol, Refusal, ServerState, WatchRefusal};
use router::{ErrorCode, GraphQLError, GraphQLRequest};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{Edge, other_router, until};
use crate::sockets::{Got, Socket};
use crate::subgraphs::Silent;

const HOUR: Duration = Duration::from_secs(3600);
const SUBPROTOCOL: (&str, &str) = ("sec-websocket-protocol", "events-v1");

/// `["first", …]`, `["next", …]`, `["error", code]`, and `["pong"]` in response to `ping`.
#[derive(Debug)]
struct Lists;

impl EventProtocol for Lists {
    fn subprotocol(&self) -> &'static str {
        "events-v1"
    }

    fn max_message_bytes(&self) -> usize {
        100
    }

    fn acknowledge(&self, response: &[u8]) -> Result<String, GraphQLError> {
        let response: Value = serde_json::from_slice(response).expect("JSON");
        match response.get("errors") {
            Some(_) => Err(GraphQLError::new(ErrorCode::Forbidden, "not yours")),
            None => Ok(json!(["first", response["data"]]).to_string()),
        }
    }

    fn event(&self, response: &[u8]) -> String {
        let response: Value = serde_json::from_slice(response).expect("JSON");
        json!(["next", response["data"]]).to_string()
    }

    fn error(&self, code: &str, _: &str) -> String {
        json!(["error", code]).to_string()
    }

    fn reply(&self, message: &str) -> Option<String> {
        (message == "ping").then(|| json!(["pong"]).to_string())
    }
}

/// A route for any subscription: `/watch/feed { sequence }`.
pub(crate) fn routes(state: ServerState) -> axum::Router {
    axum::Router::new()
        .route("/watch/{selection}", get(watch))
        .with_state(state)
}

async fn watch(
    State(state): State<ServerState>,
    Path(selection): Path<String>,
    mut request: Request,
) -> Response {
    let upgrade = request.extract_parts::<WebSocketUpgrade>().await;
    let upgrade = upgrade.expect("an upgrade");
    let (parts, _) = request.into_parts();
    let subscription = GraphQLRequest::new(format!("subscription {{ {selection} }}"));
    let refuse = |refusal: Refusal| (refusal.status, refusal.message).into_response();
    if let Err(refusal) = state.admit_upgrade(&parts).await {
        return refuse(refusal);
    }
    let client = match ClientRequest::identify(&state, &parts).await {
        Ok(client) => client,
        Err((refusal, _)) => return refuse(refusal),
    };
    match client.watch(subscription, Arc::new(Lists), upgrade).await {
        Ok(response) => response,
        Err(WatchRefusal::Request(refusal)) => refuse(refusal),
        Err(WatchRefusal::Operation(response)) => {
            (StatusCode::CONFLICT, Json(&response.errors[0])).into_response()
        }
    }
}

fn millis(milliseconds: u64) -> platform::config::Duration {
    platform::config::Duration::from_millis(milliseconds)
}

async fn open(edge: &Edge, selection: &str) -> Socket {
    let opened = Socket::open_at(edge, &path(selection), &[SUBPROTOCOL]).await;
    opened.expect("an upgrade")
}

async fn open_as(edge: &Edge, user: &str, selection: &str) -> Socket {
    let authorization = format!("Bearer {}", edge.token(user, HOUR));
    let headers = [SUBPROTOCOL, ("authorization", authorization.as_str())];
    let opened = Socket::open_at(edge, &path(selection), &headers).await;
    opened.expect("an upgrade")
}

fn path(selection: &str) -> String {
    let selection = selection.replace(' ', "%20");
    let selection = selection.replace('{', "%7B").replace('}', "%7D");
    format!("/watch/{selection}")
}

/// Status and code of a rejected upgrade.
async fn refused(
    edge: &Edge,
    selection: &str,
    headers: &[(&'static str, &str)],
) -> (u16, Option<String>) {
    let opened = Socket::open_at(edge, &path(selection), headers).await;
    let response = opened.err().expect("refused");
    let body = response.body().as_deref().unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body["extensions"]["code"].as_str().map(str::to_owned);
    (response.status().as_u16(), code)
}

#[tokio::test]
async fn the_first_event_acknowledges_and_the_others_follow_to_the_end() {
    let edge = Edge::start().await;
    let mut socket = open(&edge, "count(to: 3) { number }").await;
    for (kind, number) in [("first", 1), ("next", 2), ("next", 3)] {
        let expected = json!([kind, { "count": { "number": number } }]);
        assert_eq!(socket.next().await.json(), expected);
    }
    assert_eq!(
        socket.next().await,
        Got::Close(1000, "Completed".to_owned())
    );
    edge.source.opened(0).await;
}

#[tokio::test]
async fn who_may_not_watch_is_told_before_the_upgrade() {
    let edge = Edge::start().await;
    let code = |code: &str| Some(code.to_owned());
    let unknown = refused(&edge, "unknown", &[SUBPROTOCOL]).await;
    assert_eq!(unknown, (409, code("GRAPHQL_VALIDATION_FAILED")));
    let nonsense = [SUBPROTOCOL, ("authorization", "Bearer nonsense")];
    assert_eq!(refused(&edge, "feed { sequence }", &nonsense).await.0, 401);
    let foreign = [SUBPROTOCOL, ("origin", "https://evil.test")];
    assert_eq!(refused(&edge, "feed { sequence }", &foreign).await.0, 403);
    assert_eq!(edge.state.connections.open(), 0);
    assert_eq!(edge.source.open.load(Ordering::SeqCst), 0);

    let edge = Edge::with(|config| config.websocket.max_connections = 1).await;
    let _socket = open(&edge, "feed { sequence }").await;
    assert_eq!(
        refused(&edge, "feed { sequence }", &[SUBPROTOCOL]).await.0,
        503
    );
}

#[tokio::test]
async fn watchers_of_both_protocols_share_a_source() {
    let edge = Edge::start().await;
    let mut graphql = Socket::ready(&edge, json!({})).await;
    graphql
        .subscribe("1", "subscription { feed { sequence label } }")
        .await;
    assert_eq!(graphql.next().await.json()["type"], "next");
    let mut socket = open(&edge, "feed { sequence label }").await;
    assert_eq!(socket.next().await.json()[1]["feed"]["sequence"], 0);
    edge.source.opened(1).await;
    let executed = edge.source.executed.load(Ordering::SeqCst);
    edge.source.publish();
    assert_eq!(socket.next().await.json()[1]["feed"]["sequence"], 1);
    assert_eq!(graphql.next().await.json()["type"], "next");
    assert_eq!(edge.source.executed.load(Ordering::SeqCst), executed + 1);
}

#[tokio::test]
async fn a_users_connections_are_counted_over_both_protocols() {
    let edge = Edge::start().await;
    let mut first = open_as(&edge, "usr_many", "feed { sequence }").await;
    first.next().await.json();
    let payload = json!({ "authorization": edge.token("usr_many", HOUR) });
    let mut graphql = Vec::new();
    for _ in 0..4 {
        graphql.push(Socket::ready(&edge, payload.clone()).await);
    }
    let _sixth = open_as(&edge, "usr_many", "feed { sequence }").await;
    assert_eq!(first.closed().await, 4001);
    let _seventh = open_as(&edge, "usr_many", "feed { sequence }").await;
    assert_eq!(graphql[0].closed().await, 4001);
    // Rejected upgrades do not occupy a slot.
    let authorization = format!("Bearer {}", edge.token("usr_many", HOUR));
    let headers = [SUBPROTOCOL, ("authorization", authorization.as_str())];
    assert_eq!(refused(&edge, "unknown", &headers).await.0, 409);
    graphql[1].subscribe("1", "{ hello }").await;
    assert_eq!(graphql[1].next().await.json()["type"], "next");
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed_with_4000() {
    let edge = Edge::with(|config| {
        config.websocket.ping_interval = millis(100);
        config.websocket.pong_timeout = millis(20);
        config.websocket.close_timeout = millis(50);
    })
    .await;
    let mut socket = open(&edge, "feed { sequence }").await;
    until("the connection is dropped", || {
        edge.state.connections.open() == 0
    })
    .await;
    assert_eq!(socket.closed().await, 4000);
    edge.source.opened(0).await;
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_longer_than_it_may_take_to_begin() {
    let edge = Edge::with(|config| {
        config.websocket.ping_interval = millis(10);
        config.websocket.pong_timeout = millis(5000);
        config.websocket.init_timeout = millis(20);
    })
    .await;
    let mut socket = open(&edge, "feed { sequence }").await;
    socket.next().await.json();
    for _ in 0..5 {
        assert_eq!(socket.next_or_ping().await, Got::Ping);
    }
    edge.source.publish();
    assert_eq!(socket.next().await.json()[1]["feed"]["sequence"], 1);
}

#[tokio::test]
async fn what_a_client_says_is_answered_or_ends_the_connection() {
    let edge = Edge::start().await;
    for (message, code) in [
        (Message::text("who is there?"), 4400),
        (Message::binary(vec![0]), 4400),
        (Message::text("x".repeat(101)), 1009),
    ] {
        let mut socket = open(&edge, "feed { sequence }").await;
        socket.next().await.json();
        socket.send_raw(Message::text("ping")).await;
        assert_eq!(socket.next().await.json(), json!(["pong"]));
        socket.send_raw(message).await;
        assert_eq!(
            socket.next().await.json(),
            json!(["error", "BAD_USER_INPUT"])
        );
        assert_eq!(socket.closed().await, code);
    }
}

#[tokio::test]
async fn clients_may_leave_the_subprotocol_out_but_not_ask_for_others_only() {
    let edge = Edge::start().await;
    let path = path("feed { sequence }");
    let mut plain = Socket::open_at(&edge, &path, &[])
        .await
        .expect("an upgrade");
    assert_eq!(plain.next().await.json()[0], "first");
    let other = [("sec-websocket-protocol", "graphql-transport-ws")];
    // The client library ends a connection whose subprotocol was not accepted.
    assert!(
        tokio_tungstenite::connect_async(request(&edge, &path, &other))
            .await
            .is_err()
    );
    until("the connection is closed", || {
        edge.state.connections.open() == 1
    })
    .await;
}

fn request(
    edge: &Edge,
    path: &str,
    headers: &[(&'static str, &'static str)],
) -> tokio_tungstenite::tungstenite::http::Request<()> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let url = format!("ws://{}{path}", edge.address);
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in headers {
        request
            .headers_mut()
            .insert(*name, value.parse().expect("a header"));
    }
    request
}

#[tokio::test]
async fn a_source_that_does_not_start_in_time_closes_with_4002() {
    let edge = Edge::over(Arc::new(Silent), |config| {
        config.websocket.subscribe_timeout = millis(20);
    })
    .await;
    let mut socket = open(&edge, "forever { number }").await;
    assert_eq!(
        socket.next().await.json(),
        json!(["error", "SUBGRAPH_UNAVAILABLE"])
    );
    assert_eq!(socket.closed().await, 4002);
}

#[tokio::test]
async fn a_subscription_that_the_schema_has_lost_ends_with_an_error() {
    let edge = Edge::start().await;
    let mut socket = open(&edge, "feed { sequence }").await;
    socket.next().await.json();
    edge.state.reload(other_router()).await.expect("reloaded");
    assert_eq!(
        socket.next().await.json(),
        json!(["error", "SCHEMA_CHANGED"])
    );
    assert_eq!(socket.closed().await, 4002);
}

#[tokio::test]
async fn the_connection_ends_with_its_token_and_with_the_process() {
    let edge = Edge::with(|config| config.websocket.drain_window = millis(100)).await;
    let authorization = format!("Bearer {}", edge.token("usr_1", Duration::from_secs(4)));
    let headers = [SUBPROTOCOL, ("authorization", authorization.as_str())];
    let opened = Socket::open_at(&edge, &path("feed { sequence }"), &headers).await;
    let mut expiring = opened.expect("an upgrade");
    let mut other = open(&edge, "feed { sequence }").await;
    assert_eq!(expiring.closed().await, 4403);
    let state = edge.state.clone();
    let drained = tokio::spawn(async move { state.drain().await });
    assert_eq!(other.closed().await, 1001);
    drained.await.expect("drained");
    assert_eq!(
        refused(&edge, "feed { sequence }", &[SUBPROTOCOL]).await.0,
        503
    );
    edge.source.opened(0).await;
}
