//! Several instances over one database and one Redis server.

use serde_json::json;

use crate::redis_server::Redis;
use crate::tracking_client::{Client, Shop};

/// A server for one shop, if tests have Redis.
async fn redis() -> Option<Redis> {
    std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
    Some(Redis::start().await)
}

#[tokio::test]
async fn what_a_carrier_sees_reaches_the_watchers_of_every_instance() {
    let Some(redis) = redis().await else {
        return;
    };
    let shop = Shop::start(&[
        ("VANTAGE_REDIS_URL", &redis.url()),
        ("VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL", "1s"),
        ("VANTAGE_TRACKING__CARRIERS__FEDEX__POLL_INTERVAL", "1s"),
        ("VANTAGE_TRACKING__CARRIERS__UPS__POLL_INTERVAL", "1s"),
    ])
    .await;
    let mut other = shop.another().await;
    let parcel = shop.moving[0].clone();
    let mut clients = Vec::new();
    for base in [&shop.process.base, &other.base] {
        let mut client = Client::connect(base, Some(&shop.token)).await;
        client.watch(&parcel.order).await;
        assert_eq!(client.update().await["snapshot"], true);
        clients.push(client);
    }
    shop.scan(&parcel, "OUT_FOR_DELIVERY", "Brooklyn NY").await;
    shop.scan(&parcel, "DELIVERED", "Brooklyn NY").await;
    for client in &mut clients {
        let out = client.update().await;
        assert_eq!(out["status"], "OUT_FOR_DELIVERY");
        let delivered = client.update().await;
        assert_eq!(delivered["status"], "DELIVERED");
        let next = out["sequence"].as_i64().map(|sequence| sequence + 1);
        assert_eq!(delivered["sequence"].as_i64(), next);
    }
    assert!(other.stop().await.success());
    shop.stop().await;
}

#[tokio::test]
async fn the_sixth_connection_closes_the_users_oldest_on_whichever_instance_it_is() {
    let Some(redis) = redis().await else {
        return;
    };
    let shop = Shop::start(&[("VANTAGE_REDIS_URL", &redis.url())]).await;
    let mut other = shop.another().await;
    let mut oldest = Client::connect(&shop.process.base, Some(&shop.token)).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(Client::connect(&other.base, Some(&shop.token)).await);
    }
    assert_eq!(oldest.closed().await, Some(4001));
    // The others stay connected.
    for client in &mut others {
        client.send(json!({ "type": "ping" })).await;
        assert_eq!(client.receive().await["type"], "pong");
    }
    assert!(other.stop().await.success());
    shop.stop().await;
}

#[tokio::test]
async fn switching_live_updates_off_closes_those_who_watch() {
    let directory = tempfile::tempdir().unwrap();
    let flags = directory.path().join("flags.yaml");
    let live_updates = |variant: &str| {
        let text = format!(
            "flags: {{ realtime_order_tracking: {{ state: ENABLED, variants: {{ on: true, off: false }}, defaultVariant: {variant} }} }}"
        );
        std::fs::write(&flags, text).unwrap();
    };
    live_updates("on");
    let shop = Shop::start(&[
        ("VANTAGE_FLAGS__FILE", flags.to_str().unwrap()),
        ("VANTAGE_FLAGS__RELOAD_INTERVAL", "50ms"),
        ("VANTAGE_TRACKING__RECHECK_INTERVAL", "100ms"),
    ])
    .await;
    let order = &shop.moving[0].order;
    let mut client = Client::connect(&shop.process.base, Some(&shop.token)).await;
    client.watch(order).await;
    client.update().await;
    live_updates("off");
    assert_eq!(client.closed().await, Some(4003));

    // New subscribers are rejected, and retry.
    let mut client = Client::connect(&shop.process.base, Some(&shop.token)).await;
    client.watch(order).await;
    let refused = client.receive().await;
    let errors = match refused["type"].as_str() {
        Some("error") => &refused["payload"],
        _ => &refused["payload"]["errors"],
    };
    assert_eq!(errors[0]["extensions"]["code"], "FORBIDDEN", "{refused:#}");
    let query = "query($id: ID!) { order(id: $id) { shipments { status } } }";
    let shown = shop.query(query, json!({ "id": order })).await;
    assert!(shown["order"]["shipments"][0]["status"].is_string());
    shop.stop().await;
}
