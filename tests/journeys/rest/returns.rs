//! Replays the documented samples of returns: creation, label, status and rejection.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::client::{Client, assert_sample};
use super::shop::deliver;
use crate::kit::{Graph, layouts};
use crate::tracking_client::Shop;

/// A return of one item of an order.
fn new_return(order: &str, item: &str) -> String {
    let body = json!({
        "order_id": order,
        "items": [{
            "order_item_id": item,
            "quantity": 1,
            "condition": "defective",
            "reason_code": "defective_on_arrival",
            "reason_text": "Screen has a dead pixel visible in the upper left corner",
        }],
    });
    body.to_string()
}

/// The token's customer.
async fn customer(shop: &Shop) -> String {
    let me = shop.query("{ me { id } }", json!({})).await;
    me["me"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_samples_of_a_return_are_answered_as_they_are_printed() {
    let shop = Shop::start(&[]).await;
    shop.control("POST", "rates", Some(json!({ "cents": 845 })))
        .await;
    let orders = shop.database("orders").await;
    let customer = customer(&shop).await;
    let bought = deliver(&orders, &customer, Utc::now() - TimeDelta::days(2)).await;
    let client = Client::new(&shop.process.base, Some(&shop.token));

    let headers = [
        ("x-request-id", "req_return_001"),
        ("accept", "application/json"),
    ];
    let body = new_return(&bought.order, &bought.item);
    let made = client.post("/api/v1/returns", &headers, &body).await;
    let id = made.json()["return_id"].as_str().expect("an id").to_owned();
    let printed = r#"{
        "return_id": "ret_9k0l1m2n",
        "status": "initiated",
        "eligible": true,
        "refund_amount": 314.99,
        "refund_includes_shipping": true,
        "reason": "defective_on_arrival",
        "next_step": "Generate shipping label via PUT /api/v1/returns/ret_9k0l1m2n/label",
        "created_at": "2025-10-09T10:15:22Z"
    }"#
    .replace("ret_9k0l1m2n", &id);
    assert_sample(&made, 201, &printed, &["/created_at"]);
    assert_eq!(made.header("x-request-id"), "req_return_001");
    assert_eq!(made.header("x-trace-id").len(), 32);
    assert_eq!(made.header("location"), format!("/api/v1/returns/{id}"));

    let path = format!("/api/v1/returns/{id}/label");
    let headers = [
        ("x-request-id", "req_return_label_001"),
        ("accept", "application/json"),
    ];
    let labelled = client.put_until(&path, &headers, 200).await;
    let printed = r#"{
        "return_id": "ret_9k0l1m2n",
        "status": "label_generated",
        "shipping_label_url": "https://vantage-return-labels.s3.amazonaws.com/ret_9k0l1m2n/label.pdf",
        "tracking_number": "USPS9205590036297012345678",
        "carrier": "USPS",
        "estimated_cost": 8.45,
        "return_address": "Vantage Commerce Returns Center, 500 Warehouse Drive, Louisville KY 40218",
        "label_expires_at": "2025-10-23T10:16:46Z"
    }"#
    .replace("ret_9k0l1m2n", &id);
    let own = [
        "/shipping_label_url",
        "/tracking_number",
        "/carrier",
        "/label_expires_at",
    ];
    assert_sample(&labelled, 200, &printed, &own);
    assert_eq!(labelled.header("x-request-id"), "req_return_label_001");
    let label = labelled.json();
    let file = reqwest::get(label["shipping_label_url"].as_str().unwrap()).await;
    assert_eq!(file.unwrap().headers()["content-type"], "application/pdf");

    let headers = [
        ("x-request-id", "req_return_status_001"),
        ("accept", "application/json"),
    ];
    let shown = client.get(&format!("/api/v1/returns/{id}"), &headers).await;
    let printed = r#"{
        "return_id": "ret_9k0l1m2n",
        "order_id": "ord_1a2b3c4d5e6f",
        "status": "label_generated",
        "items": [
            {
                "order_item_id": "oi_7g8h9i0j",
                "product_name": "4K Monitor Pro 32 inch",
                "quantity": 1,
                "condition": "defective",
                "reason_code": "defective_on_arrival"
            }
        ],
        "refund_amount": 314.99,
        "refund_includes_shipping": true,
        "shipping_label_url": "https://vantage-return-labels.s3.amazonaws.com/ret_9k0l1m2n/label.pdf",
        "tracking_number": "USPS9205590036297012345678",
        "timeline": [
            {"event": "return_initiated", "timestamp": "2025-10-09T10:15:22Z"},
            {"event": "label_generated", "timestamp": "2025-10-09T10:16:46Z"}
        ],
        "next_step": "Print label and drop off package at any USPS location",
        "fallback_deadline": "2025-10-12T10:16:46Z"
    }"#
    .replace("ret_9k0l1m2n", &id)
    .replace("ord_1a2b3c4d5e6f", &bought.order)
    .replace("oi_7g8h9i0j", &bought.item)
    .replace("any USPS", &format!("any {}", label["carrier"].as_str().unwrap()));
    let own = [
        "/shipping_label_url",
        "/tracking_number",
        "/timeline/0/timestamp",
        "/timeline/1/timestamp",
        "/fallback_deadline",
    ];
    assert_sample(&shown, 200, &printed, &own);
    let shown = shown.json();
    for member in ["shipping_label_url", "tracking_number"] {
        assert_eq!(shown[member], label[member]);
    }
    shop.stop().await;
}

#[tokio::test]
async fn the_sample_of_a_late_return_is_refused_as_it_is_printed() {
    let shop = Shop::start(&[]).await;
    let orders = shop.database("orders").await;
    let delivered = "2025-08-25T00:00:00Z".parse().unwrap();
    let bought = deliver(&orders, &customer(&shop).await, delivered).await;
    let client = Client::new(&shop.process.base, Some(&shop.token));
    let headers = [("x-request-id", "req_return_ineligible_001")];
    let body = json!({
        "order_id": bought.order,
        "items": [{
            "order_item_id": bought.item,
            "quantity": 1,
            "condition": "opened_unused",
            "reason_code": "changed_mind",
        }],
    });
    let refused = client
        .post("/api/v1/returns", &headers, &body.to_string())
        .await;
    let printed = r#"{
        "error": "RETURN_INELIGIBLE",
        "message": "This order is not eligible for return",
        "reasons": [
            {
                "code": "PAST_RETURN_WINDOW",
                "message": "Return window expired. Orders must be returned within 30 days of delivery.",
                "delivery_date": "2025-08-25T00:00:00Z",
                "return_deadline": "2025-09-24T00:00:00Z"
            }
        ]
    }"#;
    assert_sample(&refused, 422, printed, &[]);
    assert_eq!(refused.header("x-request-id"), "req_return_ineligible_001");
    shop.stop().await;
}

#[tokio::test]
async fn a_return_is_the_same_by_rest_and_by_graphql_in_every_layout() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
        let token = graph.demo_token().await;
        let me = graph.query(Some(&token), "{ me { id } }", json!({})).await;
        let customer = me["data"]["me"]["id"].as_str().unwrap();
        let orders = graph.database("orders").await;
        let bought = deliver(&orders, customer, Utc::now() - TimeDelta::days(1)).await;
        let client = Client::new(&graph.router.base, Some(&token));
        let body = new_return(&bought.order, &bought.item);
        let made = client.post("/api/v1/returns", &[], &body).await;
        assert_eq!(made.status, 201, "{layout:?}: {made:?}");
        let id = &made.json()["return_id"];
        let query = "query($id: ID!) { return(id: $id) { status refund { total { amount } } order { id } } }";
        let asked = graph.query(Some(&token), query, json!({ "id": id })).await;
        let expected = json!({
            "status": "INITIATED",
            "refund": { "total": { "amount": "314.99" } },
            "order": { "id": bought.order },
        });
        assert_eq!(asked["data"]["return"], expected, "{layout:?}");
        let path = format!("/api/v1/returns/{}", id.as_str().unwrap());
        let shown = client.get(&path, &[]).await.json();
        assert_eq!(shown["next_step"], made.json()["next_step"], "{layout:?}");
        for member in ["shipping_label_url", "tracking_number", "fallback_deadline"] {
            assert_eq!(shown.get(member), Some(&Value::Null), "{layout:?}: {shown}");
        }
        graph.stop().await;
    }
}

#[tokio::test]
async fn a_label_that_is_not_there_is_told_apart_by_whether_it_will_be() {
    let shop = Shop::start(&[]).await;
    let orders = shop.database("orders").await;
    let customer = customer(&shop).await;
    let client = Client::new(&shop.process.base, Some(&shop.token));
    let mut paths = Vec::new();
    for _ in 0..3 {
        let bought = deliver(&orders, &customer, Utc::now() - TimeDelta::days(2)).await;
        let body = new_return(&bought.order, &bought.item);
        let made = client.post("/api/v1/returns", &[], &body).await.json();
        paths.push(format!(
            "/api/v1/returns/{}",
            made["return_id"].as_str().unwrap()
        ));
    }

    // The provider is unavailable for now.
    let fault = json!({ "provider": "easypost", "effect": { "kind": "status", "status": 503 } });
    shop.control("POST", "faults", Some(fault)).await;
    let label = format!("{}/label", paths[0]);
    let headers = [("x-request-id", "req_return_label_001")];
    let pending = client.put(&label, &headers, "{}").await;
    pending.error(503, "LABEL_PENDING");
    assert_eq!(pending.header("retry-after"), "5");
    shop.control("DELETE", "faults", None).await;
    let labelled = client.put_until(&label, &headers, 200).await.json();
    assert_eq!(labelled["status"], "label_generated");

    // No rate is plausible, so the return goes to manual review.
    shop.control("POST", "rates", Some(json!({ "cents": 7500 })))
        .await;
    let refused = client
        .put_until(&format!("{}/label", paths[1]), &[], 409)
        .await;
    let message = refused.error(409, "LABEL_UNAVAILABLE");
    let shown = client.get(&paths[1], &[]).await.json();
    assert_eq!(shown["status"], "manual_review");
    assert_eq!(shown["next_step"], message);

    let cancel = "mutation($id: ID!) { returnCancel(id: $id, idempotencyKey: \"c\") { userErrors { code } } }";
    let id = paths[2].rsplit('/').next().unwrap();
    shop.query(cancel, json!({ "id": id })).await;
    let refused = client.put(&format!("{}/label", paths[2]), &[], "{}").await;
    refused.error(409, "RETURN_CANCELLED");
    let shown = client.get(&paths[2], &[]).await.json();
    assert_eq!(shown["status"], "cancelled");
    assert_eq!(shown["next_step"], Value::Null);
    shop.stop().await;
}
