//! From the carrier to the subscriber through the running binary: carrier scans arrive as updates.

use entities::tracking::shipment::{self, Carrier};
use serde_json::{Value, json};

use crate::tracking_client::{Client, Parcel, Shop};
use crate::wait::until;

/// Polls carriers every second, with short timeouts.
const SETTINGS: [(&str, &str); 6] = [
    ("VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL", "1s"),
    ("VANTAGE_TRACKING__CARRIERS__FEDEX__POLL_INTERVAL", "1s"),
    ("VANTAGE_TRACKING__CARRIERS__UPS__POLL_INTERVAL", "1s"),
    ("VANTAGE_TRACKING__CARRIERS__DHL__TIMEOUT", "500ms"),
    ("VANTAGE_TRACKING__CARRIERS__FEDEX__TIMEOUT", "500ms"),
    ("VANTAGE_TRACKING__CARRIERS__UPS__TIMEOUT", "500ms"),
];

/// Stops the carriers' webhooks, so that only polling can find changes.
async fn silence_webhooks(shop: &Shop) {
    for provider in ["dhl", "fedex", "ups", "easypost"] {
        let rule = json!({ "provider": provider, "event": "*", "effect": { "kind": "drop" } });
        shop.control("POST", "faults", Some(rule)).await;
    }
}

/// Reads updates until one has this status and location.
async fn reaches(client: &mut Client, status: &str, location: &str) -> Value {
    loop {
        let update = client.update().await;
        if update["status"] == status && update["location"] == location {
            return update;
        }
    }
}

async fn delivered_at(shop: &Shop, order: &str) -> Option<Value> {
    let query = "query($id: ID!) { order(id: $id) { status deliveredAt } }";
    let answer = shop.query(query, json!({ "id": order })).await;
    let order = &answer["order"];
    (order["status"] == "DELIVERED").then(|| order["deliveredAt"].clone())
}

#[tokio::test]
async fn what_a_polled_carrier_sees_reaches_the_watcher_and_the_order_follows() {
    let shop = Shop::start(&SETTINGS).await;
    silence_webhooks(&shop).await;
    let parcel = shop.moving[0].clone();
    let mut client = Client::connect(&shop.process.base, Some(&shop.token)).await;
    client.watch(&parcel.order).await;
    let snapshot = client.update().await;
    assert_eq!(snapshot["snapshot"], true);
    assert_eq!(
        snapshot["shipment"]["trackingNumber"],
        parcel.number.as_str()
    );

    shop.scan(&parcel, "OUT_FOR_DELIVERY", "Brooklyn NY").await;
    let out = reaches(&mut client, "OUT_FOR_DELIVERY", "Brooklyn NY").await;
    assert_eq!(out["snapshot"], false);
    assert_eq!(delivered_at(&shop, &parcel.order).await, None);
    shop.scan(&parcel, "DELIVERED", "Brooklyn NY").await;
    let delivered = reaches(&mut client, "DELIVERED", "Brooklyn NY").await;
    assert!(delivered["sequence"].as_i64() > out["sequence"].as_i64());
    let at = until("the delivery", async || {
        delivered_at(&shop, &parcel.order).await
    });
    assert_eq!(at.await, delivered["timestamp"]);
    shop.stop().await;
}

#[tokio::test]
async fn what_a_carrier_tells_by_itself_reaches_the_watcher() {
    // Polling intervals longer than the test.
    let shop = Shop::start(&[]).await;
    let parcel = shop.moving[0].clone();
    let mut client = Client::connect(&shop.process.base, Some(&shop.token)).await;
    client.watch(&parcel.order).await;
    client.update().await;
    // Each webhook three times, out of order.
    for effect in [
        json!({ "kind": "duplicate", "times": 3 }),
        json!({ "kind": "reorder", "window": 4, "hold": "200ms" }),
    ] {
        let rule = json!({ "provider": parcel.carrier, "event": "*", "effect": effect });
        shop.control("POST", "faults", Some(rule)).await;
    }
    shop.scan(&parcel, "OUT_FOR_DELIVERY", "Brooklyn NY").await;
    shop.scan(&parcel, "DELIVERED", "Brooklyn NY").await;
    reaches(&mut client, "DELIVERED", "Brooklyn NY").await;
    let at = until("the delivery", async || {
        delivered_at(&shop, &parcel.order).await
    });
    assert!(at.await.is_string());
    shop.stop().await;
}

#[tokio::test]
async fn a_carrier_in_trouble_leaves_the_last_state_and_is_heard_when_it_recovers() {
    let shop = Shop::start(&SETTINGS).await;
    silence_webhooks(&shop).await;
    let parcel = shop.moving[0].clone();
    let mut client = Client::connect(&shop.process.base, Some(&shop.token)).await;
    client.watch(&parcel.order).await;
    let mut last = client.update().await;
    for (effect, place) in [
        (json!({ "kind": "hang" }), "Queens NY"),
        (json!({ "kind": "status", "status": 429 }), "Brooklyn NY"),
        (json!({ "kind": "truncate", "bytes": 40 }), "Hoboken NJ"),
    ] {
        let rule = json!({ "provider": parcel.carrier, "effect": effect });
        let rule = shop.control("POST", "faults", Some(rule)).await;
        shop.scan(&parcel, "OUT_FOR_DELIVERY", place).await;
        let failures = async || {
            failures_of(&shop, &parcel)
                .await
                .filter(|&count| count >= 2)
        };
        until("the carrier fails", failures).await;
        let query = "query($id: ID!) { order(id: $id) { shipments { status } } }";
        let shown = shop.query(query, json!({ "id": parcel.order })).await;
        assert_eq!(shown["order"]["shipments"][0]["status"], last["status"]);

        shop.control("DELETE", &format!("faults/{}", rule["id"]), None)
            .await;
        last = reaches(&mut client, "OUT_FOR_DELIVERY", place).await;
    }
    shop.stop().await;
}

/// Consecutive polling errors for this parcel.
async fn failures_of(shop: &Shop, parcel: &Parcel) -> Option<i32> {
    let database = shop.database("tracking").await;
    let carrier = Carrier::from_stored(&parcel.carrier).unwrap();
    let row = shipment::by_number(database.read(), carrier, &parcel.number);
    Some(row.await.unwrap()?.consecutive_errors)
}
