//! Repeated requests, from clients with idempotency keys and from those that only repeat the request id.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::shop::deliver;
use crate::kit::{Graph, Layout};

struct Returns {
    graph: Graph,
    client: Client,
    /// An order and its item, twice.
    bought: [Value; 2],
}

async fn returns() -> Returns {
    let graph = Graph::start(Layout::Sqlite, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
    let token = graph.demo_token().await;
    let me = graph.query(Some(&token), "{ me { id } }", json!({})).await;
    let customer = me["data"]["me"]["id"].as_str().unwrap();
    let orders = graph.database("orders").await;
    let mut bought = [Value::Null, Value::Null];
    for body in &mut bought {
        let one = deliver(&orders, customer, Utc::now() - TimeDelta::days(1)).await;
        *body = json!({
            "order_id": one.order,
            "items": [{
                "order_item_id": one.item, "quantity": 1, "condition": "damaged",
                "reason_code": "damaged_in_transit",
            }],
        });
    }
    let client = Client::new(&graph.router.base, Some(&token));
    Returns {
        graph,
        client,
        bought,
    }
}

impl Returns {
    async fn post(&self, which: usize, headers: &[(&str, &str)]) -> Answer {
        let body = self.bought[which].to_string();
        self.client.post("/api/v1/returns", headers, &body).await
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_has_one_effect() {
    let returns = returns().await;
    let keyed = [("idempotency-key", "k-1")];
    let made = returns.post(0, &keyed).await;
    assert_eq!(made.status, 201, "{made:?}");
    let again = returns.post(0, &keyed).await;
    assert_eq!((again.status, &again.text), (made.status, &made.text));
    returns.post(1, &keyed).await.error(409, "CONFLICT");

    // The client sends no keys, and its proxy repeats the request with the same id.
    let repeated = [("x-request-id", "req_return_001")];
    let made = returns.post(1, &repeated).await;
    assert_eq!(made.status, 201, "{made:?}");
    let again = returns.post(1, &repeated).await;
    assert_eq!(again.text, made.text);
    // A different request id means a new request.
    let refused = returns.post(1, &[("x-request-id", "req_return_002")]).await;
    refused.error(422, "RETURN_INELIGIBLE");
    assert_eq!(refused.json()["reasons"][0]["code"], "ALREADY_RETURNED");
    returns.post(1, &[]).await.error(422, "RETURN_INELIGIBLE");
    returns.graph.stop().await;
}

#[tokio::test]
async fn an_id_of_a_request_is_a_key_on_its_own_route_only() {
    let returns = returns().await;
    let repeated = [("x-request-id", "req_1")];
    let first = returns.post(0, &[]).await.json();
    let second = returns.post(1, &[]).await.json();
    // The label simulator is available, so each return gets a label.
    for made in [&first, &second] {
        let id = made["return_id"].as_str().unwrap();
        let path = format!("/api/v1/returns/{id}/label");
        let labelled = returns.client.put_until(&path, &repeated, 200).await;
        let again = returns.client.put(&path, &repeated, "").await;
        assert_eq!(
            again.json()["tracking_number"],
            labelled.json()["tracking_number"]
        );
    }
    returns.graph.stop().await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let returns = returns().await;
    let long = "k".repeat(256);
    for key in ["", &long] {
        let refused = returns.post(0, &[("idempotency-key", key)]).await;
        let message = refused.error(400, "BAD_USER_INPUT");
        assert!(message.contains("Idempotency-Key"), "{message}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    returns.post(0, &twice).await.error(400, "BAD_USER_INPUT");
    returns.graph.stop().await;
}
