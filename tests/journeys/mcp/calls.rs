//! Calls of tools: results, errors, and the limits that every request of the client has.

use serde_json::json;

use super::agent::{Agent, ClientsFile};
use crate::wait::until;

const CONVERT: &str =
    "\"Converts US dollars.\" query Convert($amountUsd: Decimal!, $to: CurrencyCode! = EUR) {
    convert(amountUsd: $amountUsd, to: $to) { amount { currency amount } }
}";
const TWO: &str = "query TwoProducts($one: ID!, $other: ID!) { one: product(id: $one) { id } other: product(id: $other) { id } currencies { code } }";
const RECORD: &str = "mutation Record($input: SearchEventInput!) { searchEventRecord(input: $input) { recorded userErrors { code } } }";
const CANCEL: &str = "mutation Cancel($id: ID!, $key: String!) { orderCancel(id: $id, idempotencyKey: $key) { order { id } } }";

#[tokio::test]
async fn a_tool_answers_with_data_or_with_errors_that_have_codes() {
    let file = ClientsFile::new(
        "mode: require, tools: { mutations: [Record] }",
        &[CONVERT, TWO, RECORD, CANCEL],
    );
    let graph = file.shop(&[]).await;
    let agent = Agent::new(&graph).with_key();

    let converted = agent.call("Convert", json!({ "amountUsd": "10.00" })).await;
    let amount = &converted.data()["convert"]["amount"];
    assert_eq!(amount["currency"], "EUR", "{amount}");
    assert_eq!(converted.header("cache-control"), "no-store");

    let wrong = agent
        .call("Convert", json!({ "amountUsd": "10.00", "to": "XXX" }))
        .await;
    assert_eq!(wrong.code(), "BAD_USER_INPUT");
    assert!(
        wrong.result().get("structuredContent").is_none(),
        "{wrong:?}"
    );
    // GraphQL would ignore it.
    let unknown = agent
        .call("Convert", json!({ "amountUsd": "1", "from": "EUR" }))
        .await;
    assert_eq!(unknown.code(), "BAD_USER_INPUT");
    let message = unknown.text()["errors"][0]["message"].to_string();
    assert!(message.contains("`from`, only amountUsd, to"), "{message}");

    // What there is of the data is told with the error.
    let partial = agent
        .call(
            "TwoProducts",
            json!({ "one": "prd_01jgfjxc08ewtbkgst6eaa67zz", "other": "x" }),
        )
        .await;
    assert_eq!(partial.code(), "BAD_USER_INPUT");
    let data = &partial.result()["structuredContent"];
    assert!(
        data["currencies"].as_array().unwrap().len() > 1,
        "{partial:?}"
    );
    assert_eq!(partial.text()["data"], *data);

    // A mutation that is not named is no tool.
    let input = json!({ "kind": "VIEW", "productId": "prd_01jgfjxc08ewtbkgst6eaa67zz" });
    let recorded = agent.call("Record", json!({ "input": input })).await;
    assert!(
        recorded.result().get("structuredContent").is_some(),
        "{recorded:?}"
    );
    let cancelled = agent.call("Cancel", json!({ "id": "x", "key": "k" })).await;
    let message = cancelled.error(200, -32602, "");
    assert!(message.contains("no tool `Cancel`"), "{message}");
}

#[tokio::test]
async fn a_call_costs_what_the_operation_costs() {
    let rate = "rate: { cost_per_minute: 1, burst: 40 }, tools: true";
    let file = ClientsFile::new(rate, &[CONVERT]);
    let graph = file.shop(&[]).await;
    let agent = Agent::new(&graph).with_key();
    let arguments = json!({ "amountUsd": "1.00" });
    let first = agent.call("Convert", arguments.clone()).await;
    first.data();
    assert_eq!(first.header("ratelimit-limit"), "40");
    let left: u64 = first.header("ratelimit-remaining").parse().unwrap();
    assert!(left < 40, "{first:?}");
    let refused = until("the bucket is empty", async || {
        let answer = agent.call("Convert", arguments.clone()).await;
        (answer.result()["isError"] == true).then_some(answer)
    })
    .await;
    assert_eq!(refused.code(), "RATE_LIMITED");
    assert_ne!(refused.header("retry-after"), "");
    // The same bucket.
    let query = json!({ "query": "{ currencies { code } }" }).to_string();
    let graphql = reqwest::Client::new()
        .post(format!("{}/graphql", graph.router.base))
        .header("x-api-key", super::agent::KEY)
        .header("content-type", "application/json")
        .body(query);
    assert_eq!(graphql.send().await.unwrap().status().as_u16(), 429);
    // Listing tools costs nothing.
    assert_eq!(agent.names().await, ["Convert"]);
}

#[tokio::test]
async fn calls_are_counted_as_the_clients_operations() {
    let file = ClientsFile::new("tools: true, cost_limit: 1", &[CONVERT]);
    let graph = file.shop(&[]).await;
    let agent = Agent::new(&graph).with_key();
    let dear = agent.call("Convert", json!({ "amountUsd": "1.00" })).await;
    assert_eq!(dear.code(), "OPERATION_TOO_COMPLEX");
    agent.list().await;
    let url = format!("{}/metrics", graph.router.base);
    let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
    let counted: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("router_operations_total"))
        .collect();
    assert_eq!(
        counted,
        ["router_operations_total{operation=\"Convert\",client=\"assistant\"} 1"]
    );
    assert!(
        metrics.contains("vantage_mcp_requests_total{status=\"200\"} 2"),
        "{metrics}"
    );
}
