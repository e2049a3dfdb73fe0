//! Irregular carrier responses through the running binary: scans arrive with the right time.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::tracking_client::{Client, Shop};
use crate::wait::until;

/// Oddities that do not change a response's meaning.
const ODDITIES: [&str; 7] = [
    "local_times",
    "nulls",
    "retyped",
    "missing_codes",
    "numeric_codes",
    "unreadable_scan",
    "account_names",
];

#[tokio::test]
async fn parcels_of_every_carrier_arrive_however_it_writes() {
    let shop = Shop::start(&[]).await;
    for parcel in &shop.moving {
        let path = format!("shipments/{}/oddities", parcel.number);
        shop.control("POST", &path, Some(json!({ "oddities": ODDITIES })))
            .await;
        let mut client = Client::connect(&shop.process.base, Some(&shop.token)).await;
        client.watch(&parcel.order).await;
        client.update().await;
        for status in ["OUT_FOR_DELIVERY", "DELIVERED"] {
            shop.scan(parcel, status, "Brooklyn NY").await;
            let update = loop {
                let update = client.update().await;
                // Skip repeats of known data with a new estimate.
                if update["status"] == status && update["location"] == "Brooklyn NY" {
                    break update;
                }
            };
            let at: DateTime<Utc> = update["timestamp"].as_str().unwrap().parse().unwrap();
            // A wrong time zone would be hours off.
            let off = (Utc::now() - at).abs();
            assert!(off < TimeDelta::minutes(30), "{parcel:?}: {update}");
        }
        let query = "query($id: ID!) { order(id: $id) { status } }";
        until("the order follows", async || {
            let answer = shop.query(query, json!({ "id": parcel.order })).await;
            (answer["order"]["status"] == "DELIVERED").then_some(())
        })
        .await;
    }
    shop.stop().await;
}
