//! Routers store public data, and what changes is seen once its event is published, in every layout. Separate processes
//! also share it in Redis.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::admin::announced;
use crate::kit::{Graph, Layout, OWN_REDIS, Process, layouts, vantage};
use crate::wait::until_it;

const PRODUCT: &str = "query($id: ID!) {
    product(id: $id) { title availableQuantity price(currency: USD) { current { usd { amount } } } }
}";

const SET: &str = "mutation($input: PriceSetInput!, $key: String!) {
    priceSet(input: $input, idempotencyKey: $key) {
        products { price(currency: USD) { current { usd { amount } } } }
        userErrors { code field }
    }
}";

const ENABLED: (&str, &str) = ("VANTAGE_ROUTER__ENTITY_CACHE__ENABLED", "true");

/// Separate processes hear of changes over Redis, if tests have it (`VANTAGE_TEST_REDIS_URL` is set).
async fn start(layout: Layout) -> Option<Graph> {
    let mut settings = vec![("VANTAGE_DEMO__ORDERS", "50"), ENABLED];
    if layout == Layout::Separate {
        std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
        settings.push(("VANTAGE_REDIS_URL", OWN_REDIS));
        settings.push(("VANTAGE_ROUTER__ENTITY_CACHE__REDIS__ENABLED", "true"));
        // The server may be busy with other tests.
        settings.push(("VANTAGE_ROUTER__ENTITY_CACHE__REDIS__TIMEOUT", "2s"));
    }
    Some(Graph::start(layout, &settings, &[]).await)
}

async fn product(graph: &Graph, id: &str) -> Value {
    let answer = graph.query(None, PRODUCT, json!({ "id": id })).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"]["product"].clone()
}

async fn some_product(graph: &Graph) -> String {
    let document = "{ productSearch(query: \"\", first: 1) { nodes { id } } }";
    let answer = graph.query(None, document, json!({})).await;
    let id = &answer["data"]["productSearch"]["nodes"][0]["id"];
    id.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stored_price_changes_with_its_event() {
    for layout in layouts() {
        let Some(graph) = start(layout).await else {
            continue;
        };
        let id = some_product(&graph).await;
        let hits = async || {
            product(&graph, &id).await;
            graph.metric("router_entity_cache_hits_total").await
        };
        until_it(hits, |hits| *hits > 2).await;
        let merchant = graph
            .run(&["token", "--demo", "--scope", "merchandising"])
            .await;
        for price in ["1234.56", "2234.56"] {
            let change = json!({ "productId": id, "baseUsd": price, "reason": "test" });
            let variables =
                json!({ "input": { "changes": [change] }, "key": uuid::Uuid::now_v7() });
            let set = graph.query(Some(merchant.trim()), SET, variables).await;
            assert_eq!(set["data"]["priceSet"]["userErrors"], json!([]), "{set}");
            let current = &set["data"]["priceSet"]["products"][0]["price"]["current"];
            let expected = &current["usd"]["amount"];
            // At once after the event, which follows the mutation; the price may be stored for a minute.
            let seen = async || {
                let product = product(&graph, &id).await;
                product["price"]["current"]["usd"]["amount"].clone()
            };
            until_it(seen, |seen| seen == expected).await;
        }
        graph.stop().await;
    }
}

#[tokio::test]
async fn customers_get_their_own_data_between_those_of_others() {
    for layout in layouts() {
        let Some(graph) = start(layout).await else {
            continue;
        };
        let token = graph.demo_token().await;
        let mixed =
            "{ currencies { code } shippingCountries(codes: [\"DE\"]) { code } me { id name } }";
        let public =
            "{ currencies { code } shippingCountries(codes: [\"DE\"]) { code } me { id } }";
        let first = graph.query(Some(&token), mixed, json!({})).await;
        assert_eq!(first.get("errors"), None, "{first}");
        for _ in 0..3 {
            let again = graph.query(Some(&token), mixed, json!({})).await;
            assert_eq!(again, first, "{layout:?}");
            let visitor = graph.query(None, public, json!({})).await;
            assert_eq!(visitor["data"]["me"], Value::Null, "{layout:?}: {visitor}");
            assert_eq!(visitor["data"]["currencies"], first["data"]["currencies"]);
        }
        graph.stop().await;
    }
}

#[tokio::test]
async fn operators_invalidate_on_the_admin_address_alone() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "20")
        .env(ENABLED.0, ENABLED.1)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(["--admin-listen", "127.0.0.1:0"])
        .stderr(Stdio::null());
    let mut process = Process::start(command).await;
    let admin = announced(&mut process, "Admin at ").await;
    let http = reqwest::Client::new();
    let invalidate = async |base: &str, body: &Value| {
        let sent = http.post(format!("{base}/cache/invalidate")).json(body);
        let response = sent.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    };
    let product = json!({ "entities": [{ "type": "Product", "key": { "id": "prd_1" } }] });
    assert_eq!(invalidate(&admin, &product).await, (204, String::new()));
    assert_eq!(invalidate(&process.base, &product).await.0, 404);
    let (status, text) = invalidate(&admin, &json!({})).await;
    assert!(status == 400 && text.contains("names nothing"), "{text}");
    let (status, text) = invalidate(&admin, &json!({ "entitys": [] })).await;
    assert!(status == 422 && text.contains("entitys"), "{text}");
    let metrics = http.get(format!("{admin}/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let mut lines = metrics.lines();
    let counted = "router_entity_cache_invalidations_total{";
    assert!(lines.any(|line| line.starts_with(counted) && line.contains("of=\"entity\"")));
    assert_eq!(process.stop().await.code(), Some(0));
}
