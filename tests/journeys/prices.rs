//! Prices that are imported, set and scheduled while customers search and watch, in every layout.

use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::kit::{Graph, Layout, OWN_REDIS, layouts};
use crate::tracking_client::Client;
use crate::wait::until_it;

const SET: &str = "mutation($input: PriceSetInput!, $key: String!) {
    priceSet(input: $input, idempotencyKey: $key) {
        products { id price { current { usd { amount } } } } scheduled { effectiveAt } userErrors { code field }
    }
}";

const FOUND: &str = "query($price: Decimal!) {
    productSearch(query: \"\", filters: { minPrice: $price, maxPrice: $price }) { nodes { id } }
}";

/// Separate processes tell each other over Redis, if tests have it (`VANTAGE_TEST_REDIS_URL` is set).
fn settings(layout: Layout) -> Option<Vec<(&'static str, String)>> {
    let mut settings = vec![("VANTAGE_DEMO__ORDERS", "50".to_owned())];
    if layout == Layout::Separate {
        std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
        settings.push(("VANTAGE_REDIS_URL", OWN_REDIS.to_owned()));
    }
    Some(settings)
}

async fn start(layout: Layout) -> Option<Graph> {
    let settings = settings(layout)?;
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Some(Graph::start(layout, &settings, &[]).await)
}

async fn some_products(graph: &Graph) -> Vec<String> {
    let document = "{ productSearch(query: \"\") { nodes { id } } }";
    let answer = graph.query(None, document, json!({})).await;
    let nodes = answer["data"]["productSearch"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The ids of the products that cost exactly this.
async fn found(graph: &Graph, price: &str) -> Vec<Value> {
    let answer = graph.query(None, FOUND, json!({ "price": price })).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    let nodes = answer["data"]["productSearch"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["id"].clone()).collect()
}

async fn set(graph: &Graph, token: &str, change: Value) -> Value {
    let variables = json!({ "input": { "changes": [change] }, "key": uuid::Uuid::now_v7() });
    graph.query(Some(token), SET, variables).await
}

async fn watch(graph: &Graph, product: &str) -> Client {
    let mut client = Client::connect(&graph.router.base, None).await;
    let document = "subscription($id: ID!) { priceUpdated(productId: $id, currency: USD) { current { usd { amount } } } }";
    let payload = json!({ "query": document, "variables": { "id": product } });
    client
        .send(json!({ "id": "1", "type": "subscribe", "payload": payload }))
        .await;
    client
}

async fn next(client: &mut Client) -> String {
    let message = client.receive().await;
    assert_eq!(message["type"], "next", "{message:#}");
    let price = &message["payload"]["data"]["priceUpdated"]["current"]["usd"]["amount"];
    price
        .as_str()
        .unwrap_or_else(|| panic!("{message:#}"))
        .to_owned()
}

fn file(graph: &Graph, name: &str, text: &str) -> PathBuf {
    let path = graph.data().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn imported_and_set_prices_reach_searches_and_watchers() {
    for layout in layouts() {
        let Some(graph) = start(layout).await else {
            continue;
        };
        let products = some_products(&graph).await;
        let mut watcher = watch(&graph, &products[0]).await;
        let before = next(&mut watcher).await;

        let bad = file(
            &graph,
            "bad.csv",
            &format!(
                "productId,baseUsd\n{},1234.56\n{},1.999\n",
                products[0], products[1]
            ),
        );
        let refused = graph
            .fail(&["prices", "import", bad.to_str().unwrap()])
            .await;
        assert!(refused.contains("line 3: baseUsd: "), "{refused}");
        assert!(
            refused.contains("nothing was changed: the file has 1 problem"),
            "{refused}"
        );

        let good = file(
            &graph,
            "good.csv",
            &format!(
                "productId,baseUsd,kind\n{},1234.56,-\n{},1234.56,-\n",
                products[0], products[1]
            ),
        );
        let good = good.to_str().unwrap();
        let dry = graph.run(&["prices", "import", good, "--dry-run"]).await;
        assert_eq!(dry, "2 changes would be imported");
        assert_eq!(
            graph.run(&["prices", "import", good]).await,
            "2 changes imported"
        );
        let told = next(&mut watcher).await;
        assert_eq!(told, "1234.56", "{layout:?}: it was {before}");
        until_it(
            async || found(&graph, "1234.56").await,
            |found| found.len() == 2,
        )
        .await;

        let customer = graph.demo_token().await;
        let change = json!({ "productId": products[0], "baseUsd": "1234.57", "reason": "test" });
        let refused = set(&graph, &customer, change.clone()).await;
        assert_eq!(
            refused["errors"][0]["extensions"]["code"], "FORBIDDEN",
            "{refused}"
        );
        let token = graph
            .run(&["token", "--demo", "--scope", "merchandising"])
            .await;
        let done = set(&graph, &token, change).await;
        assert_eq!(done["data"]["priceSet"]["userErrors"], json!([]), "{done}");
        let price = &done["data"]["priceSet"]["products"][0]["price"];
        assert_eq!(price["current"]["usd"]["amount"], "1234.57", "{done}");
        assert_eq!(next(&mut watcher).await, "1234.57");
        until_it(
            async || found(&graph, "1234.57").await,
            |found| found.len() == 1,
        )
        .await;

        // Later than the mutation, also on a busy machine.
        let soon = Utc::now() + TimeDelta::seconds(5);
        let later = json!({ "productId": products[0], "baseUsd": "1234.58", "reason": "test", "effectiveAt": soon });
        let scheduled = set(&graph, &token, later).await;
        assert_eq!(
            scheduled["data"]["priceSet"]["scheduled"]
                .as_array()
                .unwrap()
                .len(),
            1,
            "{scheduled}"
        );
        assert_eq!(next(&mut watcher).await, "1234.58");
        assert!(Utc::now() >= soon, "{layout:?}: not before its moment");
        until_it(
            async || found(&graph, "1234.58").await,
            |found| found.len() == 1,
        )
        .await;
        graph.stop().await;
    }
}

#[tokio::test]
async fn headers_choose_currency_and_language_and_caches_vary_by_them() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "50")], &[]).await;
        let url = format!("{}/graphql", graph.router.base);
        let http = reqwest::Client::new();
        let products = some_products(&graph).await;
        let query = "query($ids: [ID!]!) { currencyContext { currency country detectedFrom } nodes(ids: $ids) { ... on Product { \
            price { current { amount { currency formatted } } currencyContext { currency } } } } }";
        let body = json!({ "query": query, "variables": { "ids": products } });
        let asked = http.post(&url).json(&body);
        let asked = asked
            .header("x-vantage-country", "DE")
            .header("accept-language", "de-DE")
            .send();
        let answer: Value = asked.await.unwrap().json().await.unwrap();
        let context = json!({ "currency": "EUR", "country": "DE", "detectedFrom": "REQUEST" });
        assert_eq!(
            answer["data"]["currencyContext"], context,
            "{layout:?}: {answer}"
        );
        for node in answer["data"]["nodes"].as_array().unwrap() {
            let price = &node["price"];
            assert_eq!(price["current"]["amount"]["currency"], "EUR", "{answer}");
            assert_eq!(price["currencyContext"]["currency"], "EUR");
            let written = price["current"]["amount"]["formatted"].as_str().unwrap();
            assert!(written.ends_with("\u{a0}€"), "{written}");
        }
        let get = url::Url::parse_with_params(
            &url,
            [(
                "query",
                "{ convert(amountUsd: \"1\", to: EUR) { amount { formatted } } }",
            )],
        );
        let kept = http
            .get(get.unwrap())
            .header("x-vantage-csrf", "1")
            .send()
            .await
            .unwrap();
        let vary = kept.headers().get_all("vary").iter();
        let vary: Vec<_> = vary.map(|value| value.to_str().unwrap()).collect();
        for name in ["accept-language", "x-vantage-country", "x-vantage-currency"] {
            assert!(vary.contains(&name), "{vary:?}");
        }
        let preflight = http
            .request(reqwest::Method::OPTIONS, &url)
            .header("origin", "http://localhost:3000")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "x-vantage-currency,x-vantage-country",
            );
        let preflight = preflight.send().await.unwrap();
        let allowed = preflight.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap();
        assert!(
            allowed.contains("x-vantage-currency") && allowed.contains("x-vantage-country"),
            "{allowed}"
        );
        graph.stop().await;
    }
}

#[tokio::test]
async fn an_application_sets_prices_by_its_key() {
    for layout in layouts() {
        let data = tempfile::tempdir().unwrap();
        let clients = data.path().join("clients.yaml");
        std::fs::write(&clients, "clients: []\n").unwrap();
        let settings = [
            ("VANTAGE_DEMO__ORDERS", "50"),
            ("VANTAGE_CLIENTS__FILE", clients.to_str().unwrap()),
            ("VANTAGE_CLIENTS__RELOAD_INTERVAL", "20ms"),
        ];
        let graph = Graph::start_in(data, layout, &settings, &[]).await;
        let product = some_products(&graph).await.remove(0);
        let add = ["client", "add", "erp", "--scope", "merchandising"];
        let shown = graph.run(&add).await;
        let key = shown
            .lines()
            .find(|line| line.starts_with("vantage_key_"))
            .unwrap();
        let change = json!({ "productId": product, "baseUsd": "1234.59", "reason": "test" });
        let variables = json!({ "input": { "changes": [change] }, "key": uuid::Uuid::now_v7() });
        let set = async || {
            let url = format!("{}/graphql", graph.router.base);
            let request = reqwest::Client::new().post(url).header("x-api-key", key);
            let body = json!({ "query": SET, "variables": variables });
            let answer = request.json(&body).send().await.unwrap();
            answer.json::<Value>().await.unwrap()
        };
        // The router reads its clients again soon.
        let done = until_it(set, |answer| answer.get("errors").is_none()).await;
        assert_eq!(done["data"]["priceSet"]["userErrors"], json!([]), "{done}");
        assert_eq!(done["data"]["priceSet"]["products"][0]["id"], product);
        let token = graph
            .run(&["token", "--demo", "--scope", "merchandising"])
            .await;
        let query =
            "query($id: ID!) { node(id: $id) { ... on Product { priceHistory { actor } } } }";
        let told = graph
            .query(Some(&token), query, json!({ "id": product }))
            .await;
        assert_eq!(
            told["data"]["node"]["priceHistory"][0]["actor"], "erp",
            "{layout:?}: {told}"
        );
        graph.stop().await;
    }
}
