//! What customers were told remains true after a database or a third party was unavailable.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::kit::{Graph, Layout, layouts};
use crate::third_parties::ThirdParties;
use crate::wait::{until, until_it};
use crate::{orders, refunds};

const CUSTOMERS: usize = 8;
const ORDERS_OF_EACH: usize = 8;
/// Responses of each kind between the steps of the outage.
const ENOUGH: usize = 12;

const STATUS: &str = "query($id: ID!) { order(id: $id) { status } }";
const COUNT: &str = "{ me { orders(first: 1) { totalCount } } }";

/// Groups of orders being placed, each with its own key.
#[derive(Default)]
struct Acknowledged {
    /// Order ids by key.
    placed: Mutex<HashMap<String, String>>,
    refused: Mutex<usize>,
}

impl Acknowledged {
    fn placed(&self) -> usize {
        self.placed.lock().unwrap().len()
    }

    fn refused(&self) -> usize {
        *self.refused.lock().unwrap()
    }
}

/// Retries placing an order with one key until it is acknowledged.
async fn place_until_acknowledged(
    graph: &Graph,
    token: &str,
    input: &Value,
    key: String,
    told: &Acknowledged,
) {
    loop {
        let variables = json!({ "input": input, "key": key });
        let answer = graph.query(Some(token), orders::PLACE, variables).await;
        let id = &answer["data"]["orderPlace"]["order"]["id"];
        if let Some(id) = id.as_str() {
            told.placed.lock().unwrap().insert(key, id.to_owned());
            return;
        }
        let code = &answer["errors"][0]["extensions"]["code"];
        assert!(code.is_string(), "an error without a code: {answer:#}");
        *told.refused.lock().unwrap() += 1;
        // Customers retry after a moment.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_database_that_is_gone_under_load_loses_nothing_that_was_acknowledged() {
    if !layouts().contains(&Layout::Postgres) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let third_parties = ThirdParties::start(scratch.path()).await;
    let settings = refunds::settings(Layout::Postgres, &third_parties).unwrap();
    let mut settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    // As in production: customers must get errors.
    settings.push(("VANTAGE_DATABASE__ACQUIRE_TIMEOUT", "5s"));
    let graph = Graph::start(Layout::Postgres, &settings, &[]).await;
    let token = graph.demo_token().await;
    let found = graph.query(Some(&token), orders::PRODUCTS, json!({})).await;
    let product = &found["data"]["productSearch"]["nodes"][0];
    let id = product["id"].as_str().unwrap();
    let enough = [
        "stock",
        "set",
        id,
        "1000",
        "--reason",
        "delivery",
        "--actor",
        "warehouse",
    ];
    graph.run(&enough).await;
    let input = orders::input(product, "pm_card_visa");
    let count = async || {
        let answer = graph.query(Some(&token), COUNT, json!({})).await;
        answer["data"]["me"]["orders"]["totalCount"].as_u64()
    };
    let before = until("the orders are counted", count).await;

    let told = Acknowledged::default();
    let customers = join_all((0..CUSTOMERS).map(|customer| {
        let (graph, token, input, told) = (&graph, &token, &input, &told);
        async move {
            for number in 0..ORDERS_OF_EACH {
                place_until_acknowledged(graph, token, input, format!("{customer}-{number}"), told)
                    .await;
            }
        }
    }));
    let outage = async {
        until_it(async || told.placed(), |placed| *placed >= ENOUGH).await;
        graph.let_in(false).await;
        until_it(async || told.refused(), |refused| *refused >= ENOUGH).await;
        graph.let_in(true).await;
    };
    tokio::time::timeout(Duration::from_secs(600), async {
        tokio::join!(customers, outage)
    })
    .await
    .expect("all orders are placed once the database is back");

    let placed = told.placed.into_inner().unwrap();
    assert_eq!(placed.len(), CUSTOMERS * ORDERS_OF_EACH);
    assert_eq!(count().await, Some(before + placed.len() as u64));
    for (key, id) in &placed {
        let again = json!({ "input": input, "key": key });
        let again = graph.query(Some(&token), orders::PLACE, again).await;
        assert_eq!(
            again["data"]["orderPlace"]["order"]["id"],
            json!(id),
            "{again:#}"
        );
        let status = async || graph.query(Some(&token), STATUS, json!({ "id": id })).await;
        until_it(status, |answer| {
            answer["data"]["order"]["status"] == "CONFIRMED"
        })
        .await;
    }
    let payments = third_parties.get("/v1/payment_intents?limit=100").await;
    let payments = payments["data"].as_array().unwrap();
    for id in placed.values() {
        let taken = payments.iter().filter(|payment| {
            payment["metadata"]["order"] == json!(id) && payment["status"] == "requires_capture"
        });
        assert_eq!(taken.count(), 1, "{id} is paid once");
    }
    graph.stop().await;
}

#[tokio::test]
async fn a_refund_is_made_once_by_a_stripe_that_does_not_answer() {
    let scratch = tempfile::tempdir().unwrap();
    let third_parties = ThirdParties::start(scratch.path()).await;
    let settings = refunds::settings(Layout::Sqlite, &third_parties).unwrap();
    let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    third_parties.send_parcel_webhooks(&graph.router.base).await;
    let orders_database = graph.database("orders").await;
    third_parties.load_payments(&orders_database).await;
    let token = graph.demo_token().await;
    let token = Some(token.as_str());
    let account = graph.query(token, refunds::ORDERS, json!({})).await;
    let orders = account["data"]["me"]["orders"]["nodes"].as_array().unwrap();
    let (order, item) = refunds::find(orders, |judged| judged["eligible"] == true);
    let asked = refunds::input(&order["id"], &item["id"], "k");
    let made = graph.query(token, refunds::CREATE, asked).await;
    let id = &made["data"]["returnCreate"]["return"]["id"];
    let labelled = refunds::labelled(&graph, token, id).await;
    let label = &labelled["data"]["returnLabelGenerate"]["return"]["label"];

    // It refunds, but never responds.
    let hang = json!({ "kind": "hang", "moment": "after" });
    third_parties.fail("POST", "/v1/refunds", 1, hang).await;
    let number = label["trackingNumber"].as_str().unwrap();
    third_parties.scan(number, "pickup").await;
    let read = async || {
        let answer = graph
            .query(token, refunds::RETURN, json!({ "id": id }))
            .await;
        answer["data"]["return"]["status"].clone()
    };
    until_it(read, |status| status == "REFUND_ISSUED").await;
    assert_eq!(third_parties.refunds().await.len(), 1);
    graph.stop().await;
}
