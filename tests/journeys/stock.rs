//! Stock from delivery to the last unit through the running binary, in every layout.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::kit::{Graph, Layout, OWN_REDIS, layouts};
use crate::orders::{PLACE, input};
use crate::third_parties::ThirdParties;
use crate::wait::until_it;

const PRODUCT: &str =
    "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Product { id availableQuantity inStock } } }";

const IN_STOCK: &str = "{ productSearch(query: \"\", filters: { inStock: true }, first: 3) { nodes { id availableQuantity } } }";

const CANCEL: &str = "mutation($id: ID!, $key: String!) { orderCancel(id: $id, idempotencyKey: $key) { order { status } userErrors { code } } }";

const LEDGER: &str = "query($id: ID!) { stock(productId: $id) { availableQuantity movements(first: 100) { nodes { kind actor reason reference availableChange } } } }";

const ORDERED: &str =
    "{ me { orders(first: 1) { nodes { id items { id quantity product { id } } } } } }";

const ADJUST: &str = "mutation($changes: [StockChangeInput!]!, $key: String!) { stockAdjust(input: { changes: $changes }, idempotencyKey: $key) { stock { availableQuantity } userErrors { code } } }";

/// Separate processes tell each other over Redis, if tests have it (`VANTAGE_TEST_REDIS_URL` is set).
fn settings(layout: Layout, stripe: &ThirdParties) -> Option<Vec<(&'static str, String)>> {
    let mut settings = stripe.settings();
    settings.push(("VANTAGE_DEMO__ORDERS", "50".to_owned()));
    if layout == Layout::Separate {
        std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
        settings.push(("VANTAGE_REDIS_URL", OWN_REDIS.to_owned()));
    }
    Some(settings)
}

async fn place(graph: &Graph, token: &str, product: &Value, key: &str) -> Value {
    let variables = json!({ "input": input(product, "pm_card_visa"), "key": key });
    let mut placed = graph.query(Some(token), PLACE, variables).await;
    placed["data"]["orderPlace"].take()
}

/// The stock of what the demo shop's newest order contains is the sum of its ledger, in which the order is.
async fn is_in_ledger(graph: &Graph, support: Option<&str>, ordered: &Value) {
    let order = &ordered["data"]["me"]["orders"]["nodes"][0];
    let item = &order["items"][0];
    let variables = json!({ "id": item["product"]["id"] });
    let ledger = graph.query(support, LEDGER, variables).await;
    let stock = &ledger["data"]["stock"];
    let movements = stock["movements"]["nodes"].as_array().unwrap();
    let changes = movements.iter().map(|entry| &entry["availableChange"]);
    let sum: i64 = changes.map(|change| change.as_i64().unwrap()).sum();
    assert_eq!(stock["availableQuantity"], sum, "{ledger:#}");
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let reference = format!("{}:{}", id(order), id(item));
    let mut taken = movements
        .iter()
        .filter(|entry| entry["reference"] == reference.as_str() && entry["kind"] == "ORDERED");
    let change = taken.next().map(|entry| entry["availableChange"].clone());
    let quantity = item["quantity"].as_i64().unwrap();
    assert_eq!(change, Some(json!(-quantity)), "{reference}: {ledger:#}");
}

#[tokio::test]
async fn the_last_unit_is_sold_once_and_the_ledger_adds_up_in_every_layout() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let stripe = ThirdParties::start(scratch.path()).await;
        let Some(settings) = settings(layout, &stripe) else {
            continue;
        };
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        let token = graph.demo_token().await;
        let ordered = graph.query(Some(&token), ORDERED, json!({})).await;
        let found = graph.query(None, IN_STOCK, json!({})).await;
        let product = found["data"]["productSearch"]["nodes"][0].clone();
        let id = product["id"].as_str().unwrap();
        let shown = async || {
            let found = graph.query(None, PRODUCT, json!({ "ids": [id] })).await;
            found["data"]["nodes"][0]["availableQuantity"].clone()
        };

        // The warehouse counts two units.
        let count = [
            "stock",
            "set",
            id,
            "2",
            "--reason",
            "recount",
            "--actor",
            "warehouse",
        ];
        let set = graph.run(&count).await;
        assert_eq!(set, format!("{id} has 2 units"), "{layout:?}");
        let unknown = ["stock", "set", "prd_00000000000000000000000001", "2"];
        let refused = graph.fail(&unknown).await;
        assert!(refused.contains("does not have this product"), "{refused}");
        let listed = graph.run(&["stock", "list"]).await;
        let line = listed.lines().find(|line| line.starts_with(id)).unwrap();
        assert!(line.starts_with(&format!("{id} 2 0 ")), "{line}");

        let first = place(&graph, &token, &product, "first").await;
        assert_eq!(first["userErrors"], json!([]), "{layout:?}: {first:#}");
        let keys: Vec<_> = (0..8).map(|number| format!("k{number}")).collect();
        let buyers = keys.iter().map(|key| place(&graph, &token, &product, key));
        let answers = join_all(buyers).await;
        let is_placed = |answer: &&Value| answer["order"]["id"].is_string();
        assert_eq!(answers.iter().filter(is_placed).count(), 1, "{layout:?}");
        let codes = answers.iter().filter(|answer| !is_placed(answer));
        assert!(
            codes
                .clone()
                .all(|answer| answer["userErrors"][0]["code"] == "OUT_OF_STOCK"),
            "{answers:#?}"
        );
        until_it(&shown, |quantity| *quantity == json!(0)).await;

        let variables = json!({ "id": first["order"]["id"], "key": "c" });
        let cancelled = graph.query(Some(&token), CANCEL, variables).await;
        assert_eq!(
            cancelled["data"]["orderCancel"]["order"]["status"], "CANCELLED",
            "{cancelled:#}"
        );
        until_it(&shown, |quantity| *quantity == json!(1)).await;

        // Support receives five more, and sees everything in the ledger.
        let scope = ["token", "--demo", "--scope", "support"];
        let support = graph.run(&scope).await;
        let support = Some(support.trim());
        let changes = json!([{ "productId": id, "change": 5, "reason": "Delivery 7" }]);
        let adjusted = graph
            .query(support, ADJUST, json!({ "changes": changes, "key": "a" }))
            .await;
        let expected = json!({ "stock": [{ "availableQuantity": 6 }], "userErrors": [] });
        assert_eq!(adjusted["data"]["stockAdjust"], expected, "{adjusted:#}");
        until_it(&shown, |quantity| *quantity == json!(6)).await;
        let ledger = graph.query(support, LEDGER, json!({ "id": id })).await;
        let movements = &ledger["data"]["stock"]["movements"]["nodes"];
        let movements = movements.as_array().unwrap();
        let kinds: Vec<_> = movements.iter().map(|entry| &entry["kind"]).collect();
        let expected = ["RESTOCKED", "CANCELLED", "ORDERED", "ORDERED", "CORRECTED"];
        assert_eq!(kinds[..5], expected, "{layout:?}");
        assert_eq!(kinds.last(), Some(&&json!("OPENING")), "{layout:?}");
        let sum: i64 = movements
            .iter()
            .map(|entry| entry["availableChange"].as_i64().unwrap())
            .sum();
        assert_eq!(sum, 6);
        assert_eq!(movements[4]["actor"], "warehouse");
        assert_eq!(movements[4]["reason"], "recount");
        let refused = graph.query(Some(&token), LEDGER, json!({ "id": id })).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
        is_in_ledger(&graph, support, &ordered).await;
        graph.stop().await;
    }
}
