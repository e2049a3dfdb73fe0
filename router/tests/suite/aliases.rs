//! Clients may choose any aliases and variable names, even those the planner generates.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

/// `orders` and `prices` both resolve orders, each by the other's key.
async fn shop() -> Graph {
    let order = || json!({ "__typename": "Order", "id": "1", "status": "PAID", "placedAt": "now", "total": 5 });
    let orders = Subgraph::new(
        "orders",
        r#"type Query { me: User node: Node }
           type User @key(fields: "id") { id: ID! name: String orders(first: Int): [Order!] }
           interface Node { id: ID! }
           type Order implements Node @key(fields: "id") { id: ID! status: String placedAt: String total: Int note(text: String): String }"#,
    )
    .root("me", json!({ "id": "u", "name": "Ada", "orders": [order()] }))
    .root("node", order())
    .entity("User", |_| json!({ "id": "u", "name": "Ada" }))
    .entity("Order", |_| json!({ "id": "1", "status": "PAID", "total": 5 }));
    let prices = Subgraph::new(
        "prices",
        r#"type Query { price: Int echo(text: String, list: [String], in: In): String }
           input In { text: String }
           type Order @key(fields: "id") { id: ID! total: Int @external tax: Int @requires(fields: "total") paid(in: String): String }"#,
    )
    .resolve("echo", |arguments| {
        let text = [&arguments["text"], &arguments["list"][0], &arguments["in"]["text"]];
        json!(text.map(|text| text.as_str().unwrap_or("-").to_owned()).join(" "))
    })
    .entity("Order", |order| {
        assert_eq!(order["id"], "1");
        json!({ "tax": order["total"].as_i64().map(|total| total * 2), "paid": "yes", "paid{\"in\":\"EUR\"}": "in EUR" })
    });
    Graph::new([orders, prices]).await
}

async fn check_order(selection: &str, expected: Value) {
    let graph = shop().await;
    let query = format!("{{ me {{ orders(first: 1) {{ {selection} }} }} }}");
    let expected = json!({ "data": { "me": { "orders": [expected] } } });
    graph.check(&query, expected).await;
}

#[tokio::test]
async fn aliases_that_the_router_itself_would_use_are_the_clients() {
    check_order(
        "id: status _client_id: placedAt",
        json!({ "id": "PAID", "_client_id": "now" }),
    )
    .await;
    check_order(
        "id: status _client_id: placedAt tax",
        json!({ "id": "PAID", "_client_id": "now", "tax": 10 }),
    )
    .await;
    check_order(
        "total: status _client_total: placedAt _client1_total: id _client2_id: total tax paid",
        json!({ "total": "PAID", "_client_total": "now", "_client1_total": "1", "_client2_id": 5, "tax": 10, "paid": "yes" }),
    )
    .await;
    check_order(
        "id: paid total: tax _client_id: total _client_total: id",
        json!({ "id": "yes", "total": 10, "_client_id": 5, "_client_total": "1" }),
    )
    .await;
}

#[tokio::test]
async fn aliases_that_the_planner_would_use_are_the_clients() {
    check_order(
        "_internal_qp_alias_0: status _internal_qp_alias_1: placedAt id: total tax",
        json!({ "_internal_qp_alias_0": "PAID", "_internal_qp_alias_1": "now", "id": 5, "tax": 10 }),
    )
    .await;
    check_order(
        "_entities: status representations: placedAt _e0: tax",
        json!({ "_entities": "PAID", "representations": "now", "_e0": 10 }),
    )
    .await;
}

#[tokio::test]
async fn typename_may_be_the_alias_of_another_field() {
    check_order(
        "__typename: status tax",
        json!({ "__typename": "PAID", "tax": 10 }),
    )
    .await;
    check_order(
        "__typename: tax type: __typename id: __typename _client___typename: id",
        json!({ "__typename": 10, "type": "Order", "id": "Order", "_client___typename": "1" }),
    )
    .await;
    let graph = shop().await;
    graph
        .check(
            "{ __typename: me { __typename: name } node { __typename: id ... on Order { total tax } } }",
            json!({ "data": { "__typename": { "__typename": "Ada" }, "node": { "__typename": "1", "total": 5, "tax": 10 } } }),
        )
        .await;
}

#[tokio::test]
async fn an_alias_of_the_fields_own_name_changes_nothing() {
    let me = json!({ "name": "Ada", "orders": [{ "id": "1", "status": "PAID", "tax": 10 }] });
    let expected = json!({ "data": { "me": me } });
    for query in [
        "{ me { name: name orders: orders(first: 1) { id } orders(first: 1) { status tax: tax } } }",
        "{ me: me { name orders(first: 1) { id: id status } } me { orders: orders(first: 1) { tax } name: name } }",
        "{ me { name orders(first: 1) { id } ... on User { orders: orders(first: 1) { status: status tax } } } }",
    ] {
        shop().await.check(query, expected.clone()).await;
    }
}

#[tokio::test]
async fn variables_may_have_the_names_of_the_planners() {
    let graph = shop().await;
    graph
        .check_with(
            "query($representations: String, $__batch_reps_0: Int, $_client_representations: String, $r: String = \"d\") {
               me { orders(first: $__batch_reps_0) { tax paid(in: $representations) note(text: $_client_representations) } }
               echo(text: $representations, list: [$r, $representations], in: { text: $representations })
             }",
            json!({ "representations": "EUR", "__batch_reps_0": 1, "_client_representations": "x" }),
            json!({ "data": {
                "me": { "orders": [{ "tax": 10, "paid": "in EUR", "note": null }] },
                "echo": "EUR d EUR",
            } }),
        )
        .await;
    graph
        .check_with(
            "query($representations: [String!]!) { me { orders { tax } } echo(list: $representations) ...F } fragment F on Query { more: echo(list: $representations) @include(if: true) }",
            json!({ "representations": ["a"] }),
            json!({ "data": { "me": { "orders": [{ "tax": 10 }] }, "echo": "- a -", "more": "- a -" } }),
        )
        .await;
}

#[tokio::test]
async fn errors_have_the_clients_keys() {
    use crate::kit::failure;
    let a = Subgraph::new(
        "a",
        r#"type Query { t: T } type T @key(fields: "id") { id: ID! bad: String }"#,
    )
    .root(
        "t",
        json!({ "id": "1", "bad": failure("no", json!({ "code": "CONFLICT" })) }),
    );
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int } type T @key(fields: "id") { id: ID! more: Int }"#,
    )
    .entity("T", |_| json!({ "more": 1 }));
    let graph = Graph::new([a, b]).await;
    for key in ["id", "__typename", "_client_id", "_internal_qp_alias_0"] {
        graph
            .check(
                &format!("{{ t {{ {key}: bad _client_x: more }} }}"),
                json!({
                    "data": { "t": { key: null, "_client_x": 1 } },
                    "errors": [{ "message": "no", "path": ["t", key], "extensions": { "code": "CONFLICT" } }],
                }),
            )
            .await;
    }
}
