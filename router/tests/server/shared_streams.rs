//! Identical subscriptions share one execution, and each subscriber gets every event.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Edge, Source, other_router, router_of};
use crate::sockets::{Got, Socket};
use crate::subgraphs::Restarting;

/// A subscription whose first event is the next change.
const CHANGES: &str = "subscription { feed(snapshot: false) { sequence label } }";
const NUMBERED: &str = "subscription { feed { sequence snapshot } }";
const UNNUMBERED: &str = "subscription { feed { snapshot label } }";

async fn watching(edge: &Edge, payload: Value, query: &str) -> Socket {
    let mut socket = Socket::ready(edge, payload).await;
    socket.subscribe("1", query).await;
    socket
}

/// The next event's sequence number, and whether it is a snapshot.
async fn change(socket: &mut Socket) -> (u64, bool) {
    let event = socket.next().await.json();
    let feed = &event["payload"]["data"]["feed"];
    let sequence = feed["sequence"].as_u64();
    (
        sequence.unwrap_or_else(|| panic!("no change: {event}")),
        feed["snapshot"] == true,
    )
}

#[tokio::test]
async fn equal_watchers_share_one_execution() {
    let edge = Edge::start().await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = watching(&edge, json!({}), CHANGES).await;
        // Operations are handled in order, so the subscription is registered once this one completes.
        socket.subscribe("2", "{ hello }").await;
        assert_eq!(socket.next().await.json()["id"], "2");
        assert_eq!(socket.next().await.json()["type"], "complete");
        sockets.push(socket);
    }
    edge.source.opened(1).await;
    for number in 1..=3 {
        edge.source.publish();
        for socket in &mut sockets {
            assert_eq!(change(socket).await, (number, false));
        }
        assert_eq!(edge.source.executed.load(Ordering::SeqCst), number);
    }
    for _ in 1..4 {
        sockets.pop();
    }
    edge.source.publish();
    assert_eq!(change(&mut sockets[0]).await, (4, false));
    sockets.clear();
    edge.source.opened(0).await;
}

#[tokio::test]
async fn who_differs_in_anything_that_counts_has_a_stream_of_its_own() {
    let edge = Edge::start().await;
    let hour = Duration::from_secs(3600);
    let own = json!({ "authorization": edge.token("usr_1", hour) });
    let other = json!({ "authorization": edge.token("usr_2", hour) });
    let labelled = "subscription { feed(snapshot: false, label: \"x\") { sequence label } }";
    let mut sockets = Vec::new();
    for (payload, query, streams) in [
        (json!({}), CHANGES, 1),
        (json!({}), labelled, 2),
        (own.clone(), CHANGES, 3),
        (other, CHANGES, 4),
    ] {
        sockets.push(watching(&edge, payload, query).await);
        edge.source.opened(streams).await;
    }
    let mut again = watching(&edge, own, CHANGES).await;
    again.subscribe("2", "{ hello }").await;
    again.next().await;
    edge.source.opened(4).await;
}

#[tokio::test]
async fn a_late_watcher_of_numbered_events_gets_its_snapshot_and_then_shares() {
    let edge = Edge::start().await;
    let mut first = watching(&edge, json!({}), NUMBERED).await;
    assert_eq!(change(&mut first).await, (0, true));
    let mut sockets = vec![first];
    for number in 1..=5 {
        edge.source.publish();
        for socket in &mut sockets {
            assert_eq!(change(socket).await, (number, false));
        }
        let mut late = watching(&edge, json!({}), NUMBERED).await;
        assert_eq!(change(&mut late).await, (number, true));
        sockets.push(late);
        edge.source.opened(1).await;
    }
    // The shared stream continues without its first subscriber.
    sockets.remove(0);
    edge.source.publish();
    for socket in &mut sockets {
        assert_eq!(change(socket).await, (6, false));
    }
    sockets.clear();
    edge.source.opened(0).await;
}

#[tokio::test]
async fn changes_during_a_late_watchers_arrival_are_neither_missed_nor_repeated() {
    let edge = Edge::with(|config| config.websocket.queued_events = 10_000).await;
    let mut first = watching(&edge, json!({}), NUMBERED).await;
    assert_eq!(change(&mut first).await, (0, true));
    let source = edge.source.clone();
    let publishing = tokio::spawn(async move {
        for _ in 0..500 {
            source.publish();
            tokio::task::yield_now().await;
        }
    });
    let mut late = Vec::new();
    for _ in 0..10 {
        late.push(watching(&edge, json!({}), NUMBERED).await);
    }
    publishing.await.expect("published");
    late.push(first);
    for mut socket in late {
        let (mut last, _) = change(&mut socket).await;
        while last < 500 {
            let (next, _) = change(&mut socket).await;
            assert_eq!(next, last + 1);
            last = next;
        }
    }
}

#[tokio::test]
async fn a_late_watcher_of_events_without_numbers_begins_at_the_beginning() {
    let edge = Edge::start().await;
    let mut first = watching(&edge, json!({}), UNNUMBERED).await;
    let snapshot = async |socket: &mut Socket| {
        let event = socket.next().await.json();
        event["payload"]["data"]["feed"]["snapshot"].clone()
    };
    assert_eq!(snapshot(&mut first).await, true);
    let mut late = watching(&edge, json!({}), UNNUMBERED).await;
    assert_eq!(snapshot(&mut late).await, true);
    edge.source.opened(2).await;
    edge.source.publish();
    assert_eq!(snapshot(&mut first).await, false);
    assert_eq!(snapshot(&mut late).await, false);
}

#[tokio::test]
async fn live_subscriptions_move_to_a_new_router_without_a_gap_or_a_repetition() {
    let edge = Edge::start().await;
    let mut sockets = [
        watching(&edge, json!({}), NUMBERED).await,
        watching(&edge, json!({}), NUMBERED).await,
    ];
    for socket in &mut sockets {
        assert_eq!(change(socket).await, (0, true));
    }
    edge.source.publish();
    for socket in &mut sockets {
        assert_eq!(change(socket).await, (1, false));
    }
    let next = std::sync::Arc::new(Source::default());
    next.publish();
    edge.state.reload(router_of(&next)).await.expect("it fits");
    edge.source.opened(0).await;
    next.opened(1).await;
    // The new source's snapshot is already known.
    next.publish();
    for socket in &mut sockets {
        assert_eq!(change(socket).await, (2, false));
    }
    let mut late = watching(&edge, json!({}), NUMBERED).await;
    assert_eq!(change(&mut late).await, (2, true));
    next.opened(1).await;
}

#[tokio::test]
async fn a_subscription_that_the_new_schema_has_not_ends_with_a_named_error() {
    let edge = Edge::start().await;
    let mut socket = watching(&edge, json!({}), NUMBERED).await;
    assert_eq!(change(&mut socket).await, (0, true));
    edge.state.reload(other_router()).await.expect("it fits");
    let message = socket.next().await.json();
    assert_eq!(
        (&message["type"], &message["id"]),
        (&json!("error"), &json!("1"))
    );
    assert_eq!(
        message["payload"][0]["extensions"]["code"], "SCHEMA_CHANGED",
        "{message}"
    );
    // The connection stays open.
    socket.subscribe("2", "{ hello }").await;
    assert!(matches!(socket.next().await, Got::Json(message) if message["id"] == "2"));
    edge.source.opened(0).await;
}

#[tokio::test]
async fn watchers_survive_a_subgraphs_restart() {
    let source = std::sync::Arc::new(Source::default());
    let (subgraph, switch) = Restarting::new(&source);
    let edge = Edge::over(std::sync::Arc::new(subgraph), |_| {}).await;
    let mut socket = watching(&edge, json!({}), NUMBERED).await;
    assert_eq!(change(&mut socket).await, (0, true));
    switch.send_replace(false);
    source.opened(0).await;
    source.publish();
    source.publish();
    switch.send_replace(true);
    // Changes in between arrive as a snapshot, so the latest state is not missed.
    assert_eq!(change(&mut socket).await, (2, true));
    source.publish();
    assert_eq!(change(&mut socket).await, (3, false));
}

#[tokio::test]
async fn a_subgraph_that_stays_away_ends_its_subscriptions_with_an_error() {
    let source = std::sync::Arc::new(Source::default());
    let (subgraph, switch) = Restarting::new(&source);
    let edge = Edge::over(std::sync::Arc::new(subgraph), |config| {
        config.streaming.source_recovery = platform::config::Duration::from_millis(200);
    })
    .await;
    let mut socket = watching(&edge, json!({}), NUMBERED).await;
    assert_eq!(change(&mut socket).await, (0, true));
    switch.send_replace(false);
    let message = socket.next().await.json();
    assert_eq!(
        message["payload"]["errors"][0]["extensions"]["code"], "SUBGRAPH_UNAVAILABLE",
        "{message}"
    );
    assert_eq!(socket.next().await.json()["type"], "complete");
}
