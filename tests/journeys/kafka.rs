//! Events over Kafka between processes: also while the broker is away, mutations work and nothing is lost. Needs the broker
//! that `tests/kafka/run.sh` starts.

use std::path::Path;
use std::time::{Duration, Instant};

use platform::tables::{inbox_delivery, outbox_event};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait};
use serde_json::json;
use tokio::process::Command;

use crate::kit::{DOMAINS, Graph, Layout, layouts};
use crate::redis_data_loss::{ORDERS, assert_delivered_once, confirmed, count, deliver};
use crate::wait::until;

/// How soon everything that waited is handled once the broker is back.
const DRAINED: Duration = Duration::from_secs(30);

const ORDERS_OF_CUSTOMER: &str =
    "{ me { orders(first: 20) { nodes { id items { id returnEligibility { eligible } } } } } }";

const RETURN: &str = "mutation($input: ReturnCreateInput!) { returnCreate(input: $input, idempotencyKey: \"k\") { return { id status } userErrors { __typename } } }";

/// The broker's directory and port.
fn broker() -> (String, String) {
    let directory = std::env::var("VANTAGE_TEST_KAFKA_DIRECTORY").expect("the broker's directory");
    let address = std::env::var("VANTAGE_TEST_KAFKA_BROKER").expect("the broker's address");
    let (_, port) = address.rsplit_once(':').expect("a port");
    (directory, port.to_owned())
}

async fn script(arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker.sh");
    let status = Command::new(script).args(arguments).status().await;
    assert!(status.unwrap().success());
}

/// Whether a process says that it is without the event bus.
async fn is_without_bus(base: &str) -> bool {
    let text = reqwest::get(format!("{base}/readyz")).await.unwrap();
    text.text().await.unwrap().contains("event bus: ")
}

/// Returns an item of the demo customer's orders.
async fn return_an_item(graph: &Graph) {
    let token = graph.demo_token().await;
    let orders = graph
        .query(Some(&token), ORDERS_OF_CUSTOMER, json!({}))
        .await;
    let orders = orders["data"]["me"]["orders"]["nodes"].as_array().unwrap();
    let eligible = orders.iter().find_map(|order| {
        let items = order["items"].as_array().unwrap();
        let item = items
            .iter()
            .find(|item| item["returnEligibility"]["eligible"] == true)?;
        Some((order, item))
    });
    let (order, item) = eligible.expect("the demo shop has one");
    let input = json!({
        "orderId": order["id"],
        "items": [{
            "orderItemId": item["id"], "quantity": 1, "condition": "DEFECTIVE",
            "reasonCode": "defective_on_arrival",
        }],
    });
    let made = graph
        .query(Some(&token), RETURN, json!({ "input": input }))
        .await;
    let payload = &made["data"]["returnCreate"];
    assert_eq!(payload["return"]["status"], "INITIATED", "{made:#}");
}

#[tokio::test]
#[ignore = "needs a Kafka broker: tests/kafka/run.sh"]
async fn a_broker_that_stops_and_starts_again_loses_nothing_and_stops_no_mutation() {
    assert!(layouts().contains(&Layout::Separate), "needs PostgreSQL");
    let (directory, port) = broker();
    let brokers = format!("127.0.0.1:{port}");
    let prefix = format!("{}.", uuid::Uuid::now_v7());
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "200"),
        ("VANTAGE_KAFKA__BROKERS", brokers.as_str()),
        ("VANTAGE_KAFKA__PREFIX", prefix.as_str()),
    ];
    let graph = Graph::start(Layout::Separate, &settings, &[]).await;
    let tracking = graph.database("tracking").await;
    let orders = graph.database("orders").await;
    let returns = graph.database("returns").await;
    let handled = async || {
        until("all events are confirmed and handled", async || {
            let mut open = inbox_delivery::Entity::find()
                .count(orders.read())
                .await
                .unwrap();
            for database in [&tracking, &orders, &returns] {
                open += count(database, outbox_event::Column::ConfirmedAt.is_null()).await;
            }
            (open == 0).then_some(())
        })
        .await;
    };

    let mut all = confirmed(&orders).await;
    deliver(&tracking, &all).await;
    handled().await;
    assert_delivered_once(&orders, &all).await;
    let process = DOMAINS.iter().position(|domain| *domain == "orders");
    let process = &graph.subgraphs[process.unwrap()].base;
    assert!(!is_without_bus(process).await);

    script(&["stop", &directory]).await;
    until("the outage is told", async || {
        is_without_bus(process).await.then_some(())
    })
    .await;
    return_an_item(&graph).await;
    let more = confirmed(&orders).await;
    deliver(&tracking, &more).await;
    let waiting = outbox_event::Column::PublishedAt.is_null();
    assert!(count(&tracking, waiting).await >= ORDERS as u64);

    script(&["start", &directory, &port]).await;
    let back = Instant::now();
    handled().await;
    let took = back.elapsed();
    assert!(took < DRAINED, "{took:?}");
    all.extend(more);
    assert_delivered_once(&orders, &all).await;
    until("the outage is over", async || {
        (!is_without_bus(process).await).then_some(())
    })
    .await;
    for database in [tracking, orders, returns] {
        database.close().await;
    }
    graph.stop().await;
}
