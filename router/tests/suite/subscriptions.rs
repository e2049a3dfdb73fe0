//! Subscription events come from one subgraph; fields of other subgraphs are added to each event.

use crate::kit::{Graph, Subgraph, failure};
use futures::StreamExt;
use router::{ErrorCode, GraphQLRequest, RequestContext};
use serde_json::{Value, json};

async fn graph() -> Graph {
    let tracking = Subgraph::new(
        "tracking",
        r#"type Query { a: Int } type Subscription { moved(id: ID): Move } type Move { at: String order: Order! } type Order @key(fields: "id") { id: ID! }"#,
    )
    .emits([
        json!({ "at": "Bonn", "order": { "id": "o1" } }),
        json!({ "at": failure("lost", json!({ "code": "NOT_FOUND" })), "order": { "id": "o2" } }),
        Value::Null,
    ]);
    let orders = Subgraph::new(
        "orders",
        r#"type Query { b: Int } type Order @key(fields: "id") { id: ID! total: Int }"#,
    )
    .entity(
        "Order",
        |order| json!({ "total": if order["id"] == "o1" { 1 } else { 2 } }),
    );
    Graph::new([tracking, orders]).await
}

#[tokio::test]
async fn every_event_gets_the_fields_of_other_subgraphs() {
    let graph = graph().await;
    for (name, router) in graph.routers() {
        let request = GraphQLRequest::new(
            "subscription($id: ID) { m: moved(id: $id) { at order { total } } }",
        )
        .with_variables(json!({ "id": "x" }));
        let events = router
            .subscribe(request, RequestContext::default())
            .await
            .expect("a stream");
        let events: Vec<Value> = events
            .map(|event| serde_json::from_slice(&event.to_bytes()).expect("JSON"))
            .collect()
            .await;
        assert_eq!(
            events,
            [
                json!({ "data": { "m": { "at": "Bonn", "order": { "total": 1 } } } }),
                json!({ "data": { "m": { "at": null, "order": { "total": 2 } } }, "errors": [{ "message": "lost", "path": ["m", "at"], "extensions": { "code": "NOT_FOUND" } }] }),
                json!({ "data": { "m": null } }),
            ],
            "over {name}"
        );
    }
}

#[tokio::test]
async fn queries_and_subscriptions_have_their_own_ways_in() {
    let graph = graph().await;
    let request = GraphQLRequest::new("subscription { moved { at } }");
    let response = graph
        .local
        .execute(request, RequestContext::default())
        .await;
    assert_eq!(response.errors[0].code(), ErrorCode::BadUserInput);
    let request = GraphQLRequest::new("{ a }");
    let refused = graph
        .local
        .subscribe(request, RequestContext::default())
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.errors[0].code(), ErrorCode::BadUserInput);
}
