//! Identical concurrent fetches of one request are sent once.

use router::{GraphQLRequest, RequestContext, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::kit::{Graph, Subgraph, failure};

/// A graph whose objects lead back to `Query`, with fields of another subgraph. That subgraph responds once the gate
/// opens.
async fn graph() -> (Graph, watch::Sender<bool>) {
    let (gate, closed) = watch::channel(true);
    let shop = Subgraph::new(
        "shop",
        r#"type Query { page: Page }
           type Page { query: Query }"#,
    )
    .root("page", json!({ "query": {} }));
    let counter = Subgraph::new(
        "counter",
        r#"type Query { count(from: Int): Int broken: Int }"#,
    )
    .resolve("count", |arguments| {
        json!(arguments["from"].as_i64().unwrap_or(7))
    })
    .root(
        "broken",
        failure("it is broken", json!({ "code": "CONFLICT" })),
    )
    .behind(closed);
    (Graph::new([shop, counter]).await, gate)
}

/// The response; the gate stays closed until all possible fetches are in flight.
async fn execute(
    router: &Router,
    gate: &watch::Sender<bool>,
    query: &str,
    variables: Value,
) -> Value {
    gate.send_replace(true);
    let request = GraphQLRequest::new(query).with_variables(variables);
    let (response, _) = tokio::join!(router.execute(request, RequestContext::default()), async {
        gate.send_replace(false)
    },);
    serde_json::from_slice(&response.to_bytes()).expect("JSON")
}

#[tokio::test]
async fn equal_fetches_are_sent_once_and_answer_at_every_place() {
    let (graph, gate) = graph().await;
    for (name, router) in graph.routers() {
        let query = "query($from: Int) { one: page { query { count(from: $from) } } other: page { query { count(from: $from) } } }";
        let answer = execute(router, &gate, query, json!({ "from": 3 })).await;
        let expected = json!({ "data": { "one": { "query": { "count": 3 } }, "other": { "query": { "count": 3 } } } });
        assert_eq!(answer, expected, "over {name}");
        assert_eq!(graph.requests("counter").len(), 1, "over {name}");
    }
}

#[tokio::test]
async fn an_error_of_a_shared_fetch_is_told_at_every_place() {
    let (graph, gate) = graph().await;
    for (name, router) in graph.routers() {
        let query =
            "{ one: page { query { broken count } } other: page { query { broken count } } }";
        let answer = execute(router, &gate, query, json!({})).await;
        let page = json!({ "query": { "broken": null, "count": 7 } });
        assert_eq!(
            answer["data"],
            json!({ "one": page, "other": page }),
            "over {name}"
        );
        let mut paths: Vec<String> = answer["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| error["path"].to_string())
            .collect();
        paths.sort();
        let expected = [
            r#"["one","query","broken"]"#,
            r#"["other","query","broken"]"#,
        ];
        assert_eq!(paths, expected, "over {name}");
        assert_eq!(graph.requests("counter").len(), 1, "over {name}");
    }
}

#[tokio::test]
async fn fetches_that_differ_are_sent_apart() {
    let (graph, gate) = graph().await;
    for (name, router) in graph.routers() {
        let query =
            "{ one: page { query { count(from: 1) } } other: page { query { count(from: 2) } } }";
        let answer = execute(router, &gate, query, json!({})).await;
        let expected = json!({ "data": { "one": { "query": { "count": 1 } }, "other": { "query": { "count": 2 } } } });
        assert_eq!(answer, expected, "over {name}");
        assert_eq!(graph.requests("counter").len(), 2, "over {name}");
    }
}
