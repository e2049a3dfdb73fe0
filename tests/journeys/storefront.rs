//! Storefront queries through the running binary return the same JSON in every layout.

use crate::kit::{FIXED_RATES, Graph, Layout, layouts};
use chrono::{DurationRound, Utc};
use serde_json::{Value, json};

const ACCOUNT: &str = "{ me { name orders(first: 5) { totalCount nodes { id status total { formatted } totalUsd { amount } items { productName product { title imageUrl price(currency: EUR) { current { amount { formatted } exchangeRate { freshness } } } } returnEligibility { eligible returnDeadline reasons { code } } } shipments { carrier status estimatedDelivery } returns { status nextStep } } } notificationPreferences { preferences { channel category enabled } } } }";

const ORDER: &str = "query($id: ID!) { order(id: $id) { shipments { carrier trackingNumber history { status location timestamp } } timeline { event timestamp } } }";

const SEARCH: &str = "{ productSearch(query: \"headphones\", first: 10) { totalCount nodes { title brand price { current { amount { amount currency } } } } facets { name buckets { value count } } } currencies { code decimalPlaces } }";

/// A business customer with more than a hundred orders.
const OFFICE: &str = "customer1@vantage.example";

/// A small shop seeded relative to now, so that return deadlines are current.
fn shop() -> [(&'static str, String); 4] {
    let now = Utc::now()
        .duration_trunc(chrono::Duration::minutes(1))
        .unwrap();
    let [rates_url, rates_key] = FIXED_RATES.map(|(name, value)| (name, value.to_owned()));
    [
        ("VANTAGE_DEMO__ORDERS", "1500".to_owned()),
        ("VANTAGE_DEMO__NOW", now.to_rfc3339()),
        rates_url,
        rates_key,
    ]
}

async fn start(layout: Layout, shop: &[(&'static str, String)], flags: &[&str]) -> Graph {
    let settings: Vec<_> = shop
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Graph::start(layout, &settings, flags).await
}

/// Collects the paths of all nulls in a response.
fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(path.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                nulls(item, &format!("{path}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                nulls(field, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Pictures are at the address of the process that knows the product.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("http://127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[tokio::test]
async fn a_storefront_gets_the_same_whole_answers_in_every_layout() {
    let shop = shop();
    let mut first: Option<[String; 3]> = None;
    for layout in layouts() {
        let graph = start(layout, &shop, &[]).await;
        let token = graph.demo_token().await;
        let account = graph.query(Some(&token), ACCOUNT, json!({})).await;
        let order = &account["data"]["me"]["orders"]["nodes"][1]["id"];
        let order = graph
            .query(Some(&token), ORDER, json!({ "id": order }))
            .await;
        // Search and prices need no token.
        let search = graph.query(None, SEARCH, json!({})).await;
        for answer in [&account, &order, &search] {
            assert_eq!(answer.get("errors"), None, "{layout:?}: {answer:#}");
        }
        let mut missing = Vec::new();
        nulls(&account["data"], "", &mut missing);
        nulls(&order["data"], "", &mut missing);
        nulls(&search["data"], "", &mut missing);
        assert_eq!(missing, Vec::<String>::new(), "{layout:?}");
        let nodes = account["data"]["me"]["orders"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 5);
        assert!(
            search["data"]["productSearch"]["nodes"]
                .as_array()
                .unwrap()
                .len()
                == 10
        );

        let answers = [account, order, search].map(|answer| without_addresses(&answer.to_string()));
        match &first {
            None => first = Some(answers),
            Some(first) => assert_eq!(first, &answers, "{layout:?}"),
        }
        graph.stop().await;
    }
}

#[tokio::test]
async fn the_account_page_runs_as_many_statements_for_a_hundred_orders_as_for_one() {
    let page = "query($first: Int!) { me { orders(first: $first) { nodes { items { product { title price { current { amount { formatted } } } } returnEligibility { eligible } } shipments { status } } } } }";
    let shop = shop();
    for layout in layouts() {
        let graph = start(layout, &shop, &[]).await;
        let token = graph.run(&["token", "--customer", OFFICE]).await;
        let mut counts = Vec::new();
        for first in [1, 100] {
            // The first request plans the operation and opens connections.
            for _ in 0..2 {
                let before = graph.statements().await;
                let answer = graph
                    .query(Some(&token), page, json!({ "first": first }))
                    .await;
                assert_eq!(answer.get("errors"), None, "{layout:?}: {answer:#}");
                let nodes = answer["data"]["me"]["orders"]["nodes"].as_array().unwrap();
                assert_eq!(nodes.len(), first);
                counts.push(graph.statements().await - before);
            }
        }
        assert!(
            counts.iter().all(|count| *count == counts[0] && *count > 0),
            "{layout:?}: {counts:?}"
        );
        graph.stop().await;
    }
}

#[tokio::test]
async fn preferences_change_once_for_a_key_in_every_layout() {
    let update = "mutation($id: ID!, $input: NotificationPreferencesUpdateInput!, $key: String!) { notificationPreferencesUpdate(customerId: $id, input: $input, idempotencyKey: $key) { updated topicChanges { topic action deviceTokens } updatedAt userErrors { code } } }";
    let shop = shop();
    for layout in layouts() {
        let graph = start(layout, &shop, &[]).await;
        let token = graph.demo_token().await;
        let me = graph.query(Some(&token), "{ me { id } }", json!({})).await;
        let variables = |key: &str, enabled: bool| {
            json!({
                "id": me["data"]["me"]["id"],
                "key": key,
                "input": { "updates": [
                    { "channel": "PUSH", "category": "DEALS", "enabled": enabled },
                    { "channel": "PUSH", "category": "SOCIAL", "enabled": !enabled },
                ] },
            })
        };
        let first = graph
            .query(Some(&token), update, variables("k", false))
            .await;
        let payload = &first["data"]["notificationPreferencesUpdate"];
        assert_eq!(payload["updated"], 2, "{layout:?}: {first:#}");
        assert_eq!(
            payload["topicChanges"],
            json!([
                { "topic": "vantage-deals-us", "action": "UNSUBSCRIBED", "deviceTokens": 2 },
                { "topic": "vantage-social-activity", "action": "SUBSCRIBED", "deviceTokens": 2 },
            ])
        );
        let again = graph
            .query(Some(&token), update, variables("k", false))
            .await;
        assert_eq!(again, first, "{layout:?}");
        let other = graph
            .query(Some(&token), update, variables("k", true))
            .await;
        assert_eq!(
            other["errors"][0]["extensions"]["code"], "CONFLICT",
            "{other:#}"
        );

        let stranger = graph.query(None, update, variables("k2", true)).await;
        assert_eq!(
            stranger["errors"][0]["extensions"]["code"],
            "UNAUTHENTICATED"
        );
        graph.stop().await;
    }
}

#[tokio::test]
async fn a_guessed_order_gives_nothing() {
    let shop = shop();
    let graph = start(Layout::Sqlite, &shop, &[]).await;
    let office = graph.run(&["token", "--customer", OFFICE]).await;
    let theirs = graph
        .query(
            Some(&office),
            "{ me { orders(first: 1) { nodes { id } } } }",
            json!({}),
        )
        .await;
    let id = &theirs["data"]["me"]["orders"]["nodes"][0]["id"];
    let token = graph.demo_token().await;
    let answer = graph.query(Some(&token), ORDER, json!({ "id": id })).await;
    assert_eq!(answer["data"]["order"], Value::Null);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let answer = graph
        .query(
            Some(&token),
            ORDER,
            json!({ "id": "ord_01jgfjjt80f2jv2h1cz3wjqj2d" }),
        )
        .await;
    assert_eq!(answer, json!({ "data": { "order": null } }));
    let answer = graph
        .query(None, "{ me { name } currencies { code } }", json!({}))
        .await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(answer["data"]["currencies"].as_array().unwrap().len(), 8);
    graph.stop().await;
}
