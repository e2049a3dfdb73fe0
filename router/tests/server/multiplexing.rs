//! Subscriptions to a remote subgraph: how many connections they use, and which failures they survive.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use router::server::ServerConfig;
use router::{GraphQLRequest, HttpTransportOptions, RequestContext};
use serde_json::{Value, json};

use crate::kit::{Edge, router};
use crate::remote::{Remote, silent};
use crate::sockets::Socket;

/// A distinct subscription per number, so that none is shared.
fn feed(number: usize) -> String {
    format!("subscription {{ feed(label: \"{number}\") {{ sequence snapshot label }} }}")
}

/// Allows more feeds per connection than the default.
fn many_operations(config: &mut ServerConfig) {
    config.websocket.max_operations = 100;
    config.websocket.max_anonymous_operations = 100;
}

/// Subscribes to this many feeds over one connection, and waits for the first event of each.
async fn watching(edge: &Edge, feeds: usize) -> Socket {
    let mut socket = Socket::ready(edge, json!({})).await;
    for number in 0..feeds {
        socket.subscribe(&number.to_string(), &feed(number)).await;
    }
    assert_eq!(
        states(&mut socket, feeds).await,
        BTreeSet::from([(0, true)])
    );
    socket
}

/// The next event of each feed: its number, and whether it is a snapshot.
async fn states(socket: &mut Socket, feeds: usize) -> BTreeSet<(u64, bool)> {
    let mut states = BTreeSet::new();
    let mut seen = BTreeSet::new();
    while seen.len() < feeds {
        let message = socket.next().await.json();
        let change = &message["payload"]["data"]["feed"];
        assert_eq!(change["label"], message["id"], "{message}");
        assert!(seen.insert(message["id"].to_string()), "{message}");
        let sequence = change["sequence"].as_u64().expect("a number");
        states.insert((sequence, change["snapshot"] == true));
    }
    states
}

#[tokio::test]
async fn fifty_subscriptions_take_one_connection() {
    let remote = Remote::websocket().await;
    let edge = Edge::over(remote.transport(|_| {}), many_operations).await;
    let mut socket = watching(&edge, 50).await;
    remote.source.publish();
    assert_eq!(states(&mut socket, 50).await, BTreeSet::from([(1, false)]));
    assert_eq!(remote.connected(), 1);
    // Unsubscribing is forwarded to the subgraph.
    socket.send(json!({ "type": "complete", "id": "7" })).await;
    remote.source.opened(49).await;
    drop(socket);
    remote.source.opened(0).await;
    assert_eq!(remote.connected(), 1);
}

#[tokio::test]
async fn each_operation_of_a_shared_connection_is_for_its_own_caller() {
    let remote = Remote::websocket().await;
    let edge = Edge::over(remote.transport(|_| {}), |_| {}).await;
    let mut sockets = Vec::new();
    for subject in ["usr_1", "usr_2"] {
        let token = edge.token(subject, Duration::from_secs(60));
        let payload = json!({ "authorization": format!("Bearer {token}") });
        let mut socket = Socket::ready(&edge, payload).await;
        socket.subscribe("0", &feed(0)).await;
        states(&mut socket, 1).await;
        sockets.push(socket);
    }
    let callers: Vec<_> = remote
        .callers
        .lock()
        .unwrap()
        .iter()
        .map(|caller| caller.subject.clone())
        .collect();
    assert_eq!(
        callers,
        [Some("usr_1".to_owned()), Some("usr_2".to_owned())]
    );
    assert_eq!(remote.connected(), 1);
}

/// Subscribes over a WebSocket with this `connection_init` payload, and waits for the first event.
async fn subscribe_as(edge: &Edge, payload: Value) -> Socket {
    let mut socket = Socket::ready(edge, payload).await;
    socket.subscribe("0", &feed(0)).await;
    states(&mut socket, 1).await;
    socket
}

#[tokio::test]
async fn a_token_that_is_handed_on_reaches_the_subgraph_from_wherever_it_came() {
    let forwarding = |options: &mut HttpTransportOptions| options.forward_authorization = true;
    let remote = Remote::websocket().await;
    let edge = Edge::handing_on(remote.transport(forwarding)).await;
    let _one = subscribe_as(&edge, json!({ "authorization": "Bearer one" })).await;
    // Without its scheme, and for another user, so the stream is not shared.
    let _two = subscribe_as(&edge, json!({ "Authorization": "two" })).await;
    let tokens = remote.tokens.lock().unwrap().clone();
    assert_eq!(
        tokens,
        [
            "Bearer one",
            "init Bearer one",
            "Bearer two",
            "init Bearer two"
        ]
    );

    let remote = Remote::server_sent_events().await;
    let edge = Edge::handing_on(remote.transport(forwarding)).await;
    let _one = subscribe_as(&edge, json!({ "authorization": "Bearer one" })).await;
    let _two = subscribe_as(&edge, json!({ "authorization": "Bearer two" })).await;
    let mut tokens = remote.tokens.lock().unwrap().clone();
    tokens.dedup();
    assert_eq!(tokens, ["Bearer one", "Bearer two"]);

    // Unless configured to pass tokens through, a transport keeps them.
    let remote = Remote::websocket().await;
    let edge = Edge::handing_on(remote.transport(|_| {})).await;
    let _one = subscribe_as(&edge, json!({ "authorization": "Bearer one" })).await;
    assert!(remote.tokens.lock().unwrap().is_empty());
}

#[tokio::test]
async fn other_headers_take_another_connection() {
    let remote = Remote::websocket().await;
    let edge = Edge::over(remote.transport(|_| {}), |config| {
        config.forward_headers.push("accept-language".to_owned());
    })
    .await;
    let mut sockets = Vec::new();
    for language in ["de", "sv", "de"] {
        let headers = [
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("accept-language", language),
        ];
        let mut socket = Socket::open_with(&edge, &headers)
            .await
            .expect("an upgrade");
        socket.send(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.next().await.json()["type"], "connection_ack");
        let number = sockets.len();
        socket.subscribe(&number.to_string(), &feed(number)).await;
        states(&mut socket, 1).await;
        sockets.push(socket);
    }
    assert_eq!(remote.connected(), 2);
}

#[tokio::test]
async fn all_subscriptions_survive_the_loss_of_their_connection() {
    let remote = Remote::websocket().await;
    let edge = Edge::over(remote.transport(|_| {}), many_operations).await;
    let mut socket = watching(&edge, 20).await;
    remote.die();
    remote.source.opened(0).await;
    remote.source.publish();
    assert_eq!(states(&mut socket, 20).await, BTreeSet::from([(1, true)]));
    remote.source.publish();
    assert_eq!(states(&mut socket, 20).await, BTreeSet::from([(2, false)]));
    assert_eq!(remote.connected(), 2, "one shared connection each time");
}

#[tokio::test]
async fn a_subgraph_that_shuts_down_is_gone_back_to_and_one_that_refuses_is_not() {
    let remote = Remote::websocket().await;
    let edge = Edge::over(remote.transport(|_| {}), |_| {}).await;
    let mut socket = watching(&edge, 1).await;
    remote.close(1012);
    remote.source.opened(0).await;
    remote.source.publish();
    assert_eq!(states(&mut socket, 1).await, BTreeSet::from([(1, true)]));
    remote.close(4403);
    let message = socket.next().await.json();
    let code = &message["payload"]["errors"][0]["extensions"]["code"];
    assert_eq!(code, "SUBGRAPH_UNAVAILABLE", "{message}");
    assert_eq!(socket.next().await.json()["type"], "complete");
    assert_eq!(remote.connected(), 2);
}

#[tokio::test]
async fn a_full_connection_is_joined_by_another() {
    let remote = Remote::websocket().await;
    let transport = remote.transport(|options| options.subscriptions.per_connection = 2);
    let edge = Edge::over(transport, |_| {}).await;
    let socket = watching(&edge, 5).await;
    assert_eq!(remote.connected(), 3);
    drop(socket);
    remote.source.opened(0).await;
}

#[tokio::test]
async fn an_unused_connection_is_closed_and_opened_again_when_needed() {
    let remote = Remote::websocket().await;
    let transport =
        remote.transport(|options| options.subscriptions.idle = Duration::from_millis(20));
    let edge = Edge::over(transport, |_| {}).await;
    drop(watching(&edge, 3).await);
    remote.open(0).await;
    watching(&edge, 3).await;
    assert_eq!(remote.connected(), 2);
}

#[tokio::test]
async fn a_connection_that_is_silent_is_given_up() {
    let mut options = HttpTransportOptions::default();
    options.subscriptions.ping = Duration::from_millis(50);
    let transport = router::HttpTransport::new("small", &silent().await, options).unwrap();
    let router = router(Arc::new(transport));
    let mut events = router
        .subscribe(GraphQLRequest::new(feed(1)), RequestContext::default())
        .await
        .expect("accepted");
    let event = tokio::time::timeout(crate::kit::PATIENCE, events.next()).await;
    let event = event.expect("an end").expect("an error");
    let answer: Value = serde_json::from_slice(&event.to_bytes()).unwrap();
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
}

/// A slow and a fast subscriber to the same subgraph, directly at the router.
async fn slow_and_quick(remote: &Remote) {
    let router = router(remote.transport(|_| {}));
    let subscribe = async |query: &str| {
        let request = GraphQLRequest::new(query);
        router
            .subscribe(request, RequestContext::default())
            .await
            .expect("a stream")
    };
    let mut slow =
        subscribe("subscription { count(to: 3000, padding: 5000) { number padding } }").await;
    let mut quick = subscribe(&feed(1)).await;
    for sequence in 1..=10 {
        let event = quick.next().await.expect("an event");
        assert_eq!(event.data_value()["feed"]["sequence"], json!(sequence - 1));
        remote.source.publish();
    }
    // It has not read yet, and still receives the latest.
    remote.source.opened(1).await;
    let mut numbers = Vec::new();
    while let Some(event) = slow.next().await {
        numbers.push(event.data_value()["count"]["number"].as_u64());
    }
    assert!(numbers.len() <= 64, "{} events were kept", numbers.len());
    assert_eq!(numbers.last(), Some(&Some(3000)));
}

#[tokio::test]
async fn a_slow_watcher_holds_up_nobody() {
    slow_and_quick(&*Remote::websocket().await).await;
    slow_and_quick(&*Remote::server_sent_events().await).await;
}

#[tokio::test]
async fn a_subgraph_without_websockets_is_subscribed_to_by_server_sent_events() {
    let remote = Remote::server_sent_events().await;
    let edge = Edge::over(remote.transport(|_| {}), |_| {}).await;
    let mut socket = watching(&edge, 5).await;
    remote.source.publish();
    assert_eq!(states(&mut socket, 5).await, BTreeSet::from([(1, false)]));
    remote.die();
    remote.source.opened(0).await;
    remote.source.publish();
    assert_eq!(states(&mut socket, 5).await, BTreeSet::from([(2, true)]));
    // One connection per subscription, as the protocol requires.
    assert_eq!(remote.connected(), 10);
    socket.send(json!({ "type": "complete", "id": "3" })).await;
    remote.source.opened(4).await;
    drop(socket);
    remote.open(0).await;
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_by_either_protocol() {
    for remote in [
        Remote::websocket().await,
        Remote::server_sent_events().await,
    ] {
        let transport = remote.transport(|options| {
            options.caller_key = Some(platform::caller::CallerKey::new(b"another").unwrap());
        });
        let edge = Edge::over(transport, |_| {}).await;
        let mut socket = Socket::ready(&edge, json!({})).await;
        socket.subscribe("0", &feed(0)).await;
        let message = socket.next().await.json();
        let code = &message["payload"][0]["extensions"]["code"];
        assert_eq!(code, "SUBGRAPH_UNAVAILABLE", "{message}");
        assert_eq!(remote.connected(), 0);
    }
}
