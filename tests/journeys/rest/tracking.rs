//! Replays the documented samples of tracking for clients that poll.

use serde_json::json;

use super::client::{Client, assert_sample};
use super::shop::{deliver, send};
use crate::tracking_client::Shop;

#[tokio::test]
async fn the_sample_of_tracking_is_answered_as_it_is_printed() {
    let shop = Shop::start(&[]).await;
    let me = shop.query("{ me { id } }", json!({})).await;
    let customer = me["me"]["id"].as_str().unwrap();
    let orders = shop.database("orders").await;
    let order = deliver(&orders, customer, chrono::Utc::now()).await.order;
    let client = Client::new(&shop.process.base, Some(&shop.token));
    let path = format!("/api/v2/orders/{order}/tracking");

    let unsent = client.get(&path, &[]).await;
    let expected = json!({
        "order_id": order,
        "tracking_number": null,
        "carrier": null,
        "status": "not_shipped",
        "last_update": null,
        "estimated_delivery": null,
        "history": [],
    });
    assert_eq!((unsent.status.as_u16(), unsent.json()), (200, expected));

    send(&shop.database("tracking").await, customer, &order).await;
    let headers = [
        ("accept", "application/json"),
        ("x-request-id", "req_track_poll_001"),
        ("x-fallback-reason", "websocket_disconnected"),
    ];
    let answer = client.get(&path, &headers).await;
    let printed = r#"{
        "order_id": "ord_1a2b3c4d5e6f",
        "tracking_number": "DHL1234567890",
        "carrier": "dhl",
        "status": "out_for_delivery",
        "last_update": "2025-10-03T14:08:00Z",
        "estimated_delivery": "2025-10-03T17:00:00Z",
        "history": [
            {"status": "shipped", "location": "Warehouse, Chicago IL", "timestamp": "2025-10-01T10:00:00Z"},
            {"status": "in_transit", "location": "Sort Facility, Columbus OH", "timestamp": "2025-10-02T06:00:00Z"},
            {"status": "in_transit", "location": "Distribution Center, Newark NJ", "timestamp": "2025-10-03T14:02:00Z"},
            {"status": "out_for_delivery", "location": "Local Delivery Vehicle, Brooklyn NY", "timestamp": "2025-10-03T14:08:00Z"}
        ]
    }"#
    .replace("ord_1a2b3c4d5e6f", &order);
    assert_sample(&answer, 200, &printed, &[]);
    assert_eq!(answer.header("x-request-id"), "req_track_poll_001");

    for reason in ["server_shutdown", "made_up_1", "made_up_2"] {
        client.get(&path, &[("x-fallback-reason", reason)]).await;
    }
    let metrics = shop.metrics().await;
    for line in [
        r#"vantage_rest_fallbacks_total{reason="websocket_disconnected"} 1"#,
        r#"vantage_rest_fallbacks_total{reason="server_shutdown"} 1"#,
        r#"vantage_rest_fallbacks_total{reason="other"} 2"#,
        r#"vantage_rest_requests_total{route="/api/v2/orders/{id}/tracking",status="200"} 5"#,
    ] {
        assert!(
            metrics.lines().any(|other| other == line),
            "{line}: {metrics}"
        );
    }
    shop.stop().await;
}

#[tokio::test]
async fn only_the_owner_is_told_where_a_parcel_is() {
    let shop = Shop::start(&[]).await;
    let order = &shop.moving[0].order;
    let path = format!("/api/v2/orders/{order}/tracking");
    let client = Client::new(&shop.process.base, Some(&shop.token));
    let mine = client.get(&path, &[]).await.json();
    assert!(mine["tracking_number"].is_string(), "{mine}");

    let query = "query($id: ID!) { order(id: $id) { customer { email } } }";
    let owner = shop.query(query, json!({ "id": order })).await;
    let owner = &owner["order"]["customer"]["email"];
    let mut other = (1..3).map(|number| format!("customer{number}@vantage.example"));
    let other = other.find(|email| *owner != email.as_str()).unwrap();
    let other = shop.run(&["token", "--customer", &other]).await;
    let other = Client::new(&shop.process.base, Some(&other));
    let printed = r#"{"error": "FORBIDDEN", "message": "You can only track orders you own"}"#;
    assert_sample(&other.get(&path, &[]).await, 403, printed, &[]);
    let anonymous = Client::new(&shop.process.base, None);
    anonymous
        .get(&path, &[])
        .await
        .error(401, "UNAUTHENTICATED");
    for nobodys in ["ord_01h455vb4pex5vsknk084sn02q", "ord_1a2b3c4d5e6f"] {
        let path = format!("/api/v2/orders/{nobodys}/tracking");
        client.get(&path, &[]).await.error(404, "NOT_FOUND");
    }
    shop.stop().await;
}
