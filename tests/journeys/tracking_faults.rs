//! Failures during subscriptions: no subscriber misses the final state. Those with Redis need a server on the PATH
//! (`VANTAGE_TEST_REDIS_URL` is set).

use std::time::Duration;

use chrono::Utc;
use entities::insert_many;
use entities::tracking::shipment::Carrier;
use entities::tracking::{change, shipment};
use serde_json::{Value, json};

use crate::redis_server::Redis;
use crate::tracking_client::{Client, Shop};
use crate::wait::until;

const WATCHERS: usize = 60;

fn settings(redis: &str) -> [(&str, &str); 3] {
    [
        ("VANTAGE_REDIS_URL", redis),
        (
            "VANTAGE_SERVER__WEBSOCKET__MAX_CONNECTIONS_PER_USER",
            "1000",
        ),
        // Carriers send webhooks; polling intervals are longer than the test.
        ("VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL", "60s"),
    ]
}

#[tokio::test]
async fn redis_may_die_under_watchers_who_keep_their_sockets_and_reach_the_final_state() {
    if std::env::var("VANTAGE_TEST_REDIS_URL").is_err() {
        return;
    }
    let redis = Redis::start().await;
    let url = redis.url();
    let shop = Shop::start(&settings(&url)).await;
    let mut other = shop.another().await;
    let parcel = shop.moving[0].clone();
    let mut clients = Vec::new();
    for number in 0..WATCHERS {
        let base = [&shop.process.base, &other.base][number % 2];
        let mut client = Client::connect(base, Some(&shop.token)).await;
        client.watch(&parcel.order).await;
        let snapshot = client.update().await;
        clients.push((client, snapshot["sequence"].as_i64().unwrap()));
    }
    shop.scan(&parcel, "IN_TRANSIT", "Newark NJ").await;
    let port = redis.kill().await;
    // Stored, but not delivered to anyone.
    shop.scan(&parcel, "OUT_FOR_DELIVERY", "Brooklyn NY").await;
    let shown = async || {
        let query = "query($id: ID!) { order(id: $id) { shipments { status } } }";
        let answer = shop.query(query, json!({ "id": parcel.order })).await;
        (answer["order"]["shipments"][0]["status"] == "OUT_FOR_DELIVERY").then_some(())
    };
    until("the change is written", shown).await;
    let _redis = Redis::start_at(port).await;
    shop.scan(&parcel, "DELIVERED", "Brooklyn NY").await;
    for (client, last) in &mut clients {
        loop {
            // Fails if the socket was dropped.
            let update = client.update().await;
            let sequence = update["sequence"].as_i64().unwrap();
            assert_eq!(sequence, *last + 1, "no gap and no repeat: {update:#}");
            *last = sequence;
            if update["status"] == "DELIVERED" {
                break;
            }
        }
    }
    assert!(other.stop().await.success());
    shop.stop().await;
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed_with_4000_and_a_stopping_instance_tells_all_to_come_back()
 {
    let shop = Shop::start(&[
        ("VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL", "500ms"),
        ("VANTAGE_SERVER__WEBSOCKET__PONG_TIMEOUT", "500ms"),
        ("VANTAGE_SERVER__WEBSOCKET__DRAIN_WINDOW", "500ms"),
    ])
    .await;
    let order = shop.moving[0].order.clone();
    let mut deaf = Client::connect(&shop.process.base, Some(&shop.token)).await;
    deaf.watch(&order).await;
    // Only a reading client sends pongs.
    let given_up = async || {
        let closes = "router_websocket_closes_total{reason=\"heartbeat_timeout\"} 1";
        shop.metrics().await.contains(closes).then_some(())
    };
    until("the connection is dropped", given_up).await;
    assert_eq!(deaf.closed().await, Some(4000));

    let mut client = Client::connect(&shop.process.base, Some(&shop.token)).await;
    client.watch(&order).await;
    client.update().await;
    let (code, ()) = tokio::join!(client.closed(), shop.stop());
    assert_eq!(code, Some(1001));
}

/// Subscribes again, asking for changes after the last one seen.
async fn come_back(base: &str, token: &str, order: &str, after: &Value) -> Client {
    let mut client = Client::connect(base, Some(token)).await;
    let query = "subscription($order: ID!, $after: Int) { orderTracking(orderId: $order, after: $after) { sequence snapshot status location } }";
    let variables = json!({ "order": order, "after": after });
    let payload = json!({ "query": query, "variables": variables });
    client
        .send(json!({ "id": "1", "type": "subscribe", "payload": payload }))
        .await;
    client
}

#[tokio::test]
async fn clients_of_an_instance_that_is_killed_miss_nothing_at_another() {
    if std::env::var("VANTAGE_TEST_REDIS_URL").is_err() {
        return;
    }
    let redis = Redis::start().await;
    let url = redis.url();
    let shop = Shop::start(&settings(&url)).await;
    let mut other = shop.another().await;
    let parcel = shop.moving[0].clone();
    let mut last = Vec::new();
    for _ in 0..WATCHERS {
        let mut client = Client::connect(&other.base, Some(&shop.token)).await;
        client.watch(&parcel.order).await;
        let snapshot = client.update().await;
        last.push((client, snapshot["sequence"].clone()));
    }
    other.child.kill().await.unwrap();
    // While nobody is connected.
    shop.scan(&parcel, "OUT_FOR_DELIVERY", "Queens NY").await;
    shop.scan(&parcel, "DELIVERY_ATTEMPTED", "Brooklyn NY")
        .await;
    let mut back = Vec::new();
    for (mut client, seen) in last {
        assert_eq!(client.closed().await, None, "cut, without a word");
        let client = come_back(&shop.process.base, &shop.token, &parcel.order, &seen).await;
        back.push((client, seen.as_i64().unwrap()));
    }
    shop.scan(&parcel, "DELIVERED", "Brooklyn NY").await;
    for (client, seen) in &mut back {
        for (step, status) in (1..).zip(["OUT_FOR_DELIVERY", "DELIVERY_ATTEMPTED", "DELIVERED"]) {
            let update = client.update().await;
            assert_eq!(update["snapshot"], false, "{update:#}");
            assert_eq!(update["sequence"], *seen + step);
            assert_eq!(update["status"], status);
        }
    }
    shop.stop().await;
}

/// Changes sent at once and the size of each: more than socket buffers hold.
const CHANGES: usize = 8_000;
const PLACE_BYTES: usize = 8_000;

#[tokio::test]
async fn a_client_that_never_reads_takes_no_memory_and_no_time_of_others() {
    let shop = Shop::start(&[
        // Long enough that a busy machine has sent more than socket buffers hold before the connection is dropped.
        ("VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL", "10s"),
        ("VANTAGE_SERVER__WEBSOCKET__PONG_TIMEOUT", "5s"),
        ("VANTAGE_SERVER__WEBSOCKET__CLOSE_TIMEOUT", "100ms"),
    ])
    .await;
    let parcel = shop.moving[0].clone();
    let database = shop.database("tracking").await;
    let carrier = Carrier::from_stored(&parcel.carrier).unwrap();
    let found = shipment::by_number(database.read(), carrier, &parcel.number).await;
    let mut row = found.unwrap().unwrap();
    let place = "x".repeat(PLACE_BYTES);
    for _ in 0..CHANGES / 500 {
        let changes = (0..500).map(|_| untold(&mut row, &place)).collect();
        insert_many::<change::Entity>(database.write(), changes)
            .await
            .unwrap();
    }

    let mut deaf = Client::connect(&shop.process.base, Some(&shop.token)).await;
    deaf.watch(&parcel.order).await;
    let mut reader = Client::connect(&shop.process.base, Some(&shop.token)).await;
    reader.watch(&parcel.order).await;
    reader.update().await;
    let before = resident_bytes(&shop);
    // The next change has a much higher number, so all changes in between are sent.
    shipment::update(database.write(), row).await.unwrap();
    shop.scan(&parcel, "DELIVERED", "Brooklyn NY").await;
    while reader.update().await["status"] != "DELIVERED" {}
    let grown = resident_bytes(&shop).saturating_sub(before);
    assert!(
        grown < CHANGES * PLACE_BYTES / 2,
        "{grown} bytes more are resident"
    );

    let given_up = async || {
        let metrics = shop.metrics().await;
        // Because it answered no ping, or took nothing of what was sent: whichever is noticed first.
        let closes = "router_websocket_closes_total{reason=";
        // Only the reader's next read keeps it open.
        tokio::time::timeout(Duration::from_millis(1), reader.receive())
            .await
            .ok();
        metrics.contains(closes).then_some(metrics)
    };
    let metrics = until("the connection is dropped", given_up).await;
    assert!(metrics.contains("router_websocket_coalesced_total"));
    assert!(metrics.contains("router_websocket_connections 1"));
    shop.stop().await;
}

/// The parcel's next change, stored but not published.
fn untold(row: &mut shipment::Model, place: &str) -> change::Model {
    row.sequence += 1;
    row.location = Some(place.to_owned());
    let (_, message) = tracking::change_message(row).unwrap();
    change::Model {
        journey_id: row.order_id,
        sequence: row.sequence,
        change: serde_json::from_slice(&message).unwrap(),
        recorded_at: Utc::now(),
    }
}

fn resident_bytes(shop: &Shop) -> usize {
    let id = shop.process.child.id().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}
