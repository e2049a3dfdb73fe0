//! The routes' costs, charged to the same buckets as GraphQL, and the rate of WebSocket upgrades.

use router::clients::Sha256Hash;
use serde_json::json;

use super::client::{Answer, Client};
use crate::kit::{Graph, Layout};
use crate::tracking_client;

const NOBODYS: &str = "/api/v1/returns/ret_01h455vb4pex5vsknk084sn02q";
const KEY: &str = "a partner's key";
const BURST: u64 = 100;

/// A numeric header.
fn number(answer: &Answer, name: &str) -> Option<u64> {
    answer.header(name).parse().ok()
}

#[tokio::test]
async fn a_route_spends_what_its_operation_costs_of_the_clients_bucket() {
    let scratch = tempfile::tempdir().unwrap();
    let clients = scratch.path().join("clients.yaml");
    let hash = Sha256Hash::of(KEY.as_bytes());
    let text = format!(
        "clients: [{{ name: acme, rate: {{ cost_per_minute: 1, burst: {BURST} }}, keys: [{{ id: k1, sha256: {hash} }}] }}]"
    );
    std::fs::write(&clients, text).unwrap();
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "60"),
        ("VANTAGE_CLIENTS__FILE", clients.to_str().unwrap()),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let token = graph.demo_token().await;
    let client = Client::new(&graph.router.base, Some(&token));
    let key = [("x-api-key", KEY)];

    let nobody_limits = client.get(NOBODYS, &[]).await;
    assert_eq!(nobody_limits.header("ratelimit-limit"), "");
    let first = client.get(NOBODYS, &key).await;
    first.error(404, "NOT_FOUND");
    assert_eq!(number(&first, "ratelimit-limit"), Some(BURST));
    let left = number(&first, "ratelimit-remaining").expect("a number");
    let cost = BURST - left;
    assert!(cost > 0 && number(&first, "ratelimit-reset") >= Some(1));
    assert_eq!(first.header("retry-after"), "");
    let graphql = client
        .post("/graphql", &key, r#"{"query":"{ me { id } }"}"#)
        .await;
    let left = number(&graphql, "ratelimit-remaining").expect("the same bucket");
    assert!(left < BURST - cost, "{graphql:?}");

    for _ in 0..left / cost {
        client.get(NOBODYS, &key).await.error(404, "NOT_FOUND");
    }
    let refused = client.get(NOBODYS, &key).await;
    let message = refused.error(429, "RATE_LIMITED");
    assert!(message.contains(&format!("costs {cost}")), "{message}");
    assert_eq!(number(&refused, "ratelimit-remaining"), Some(left % cost));
    // One minute per missing unit.
    let wait = number(&refused, "retry-after").expect("a wait");
    assert!(wait > 30 && wait <= 60 * cost, "{wait}");
    client.get(NOBODYS, &[]).await.error(404, "NOT_FOUND");
    graph.stop().await;
}

#[tokio::test]
async fn an_address_that_opens_websockets_too_fast_waits() {
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "60"),
        ("VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_MINUTE", "2"),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let base = &graph.router.base;
    let _graphql = tracking_client::Client::connect(base, None).await;
    let client = Client::new(base, None);
    let path = "/ws/orders/ord_01h455vb4pex5vsknk084sn02q/track";
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    client
        .get(path, &upgrade)
        .await
        .error(401, "UNAUTHENTICATED");
    let refused = client.get(path, &upgrade).await;
    refused.error(429, "RATE_LIMITED");
    let wait = number(&refused, "retry-after").expect("a wait");
    assert!((1..=30).contains(&wait), "{wait}");
    let graphql = tracking_client::Client::upgrade(base, &[], json!({})).await;
    assert_eq!(graphql.err(), Some(429));
    // Other requests are not limited.
    client.get(NOBODYS, &[]).await.error(401, "UNAUTHENTICATED");
    graph.stop().await;
}
