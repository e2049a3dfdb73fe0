//! Field errors from subgraphs: where they are reported, and which details clients get.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph, failure};

/// Users by id. `strict` has nulls in non-null positions.
pub(crate) fn users() -> Subgraph {
    Subgraph::new(
        "users",
        r#"type Query { users: [User!]! me: User! strict: Strict }
           type User @key(fields: "id") { id: ID! friend: User }
           type Strict { must: Int! list: [Int!] deep: [Strict!] }"#,
    )
    .root(
        "users",
        json!([{ "id": "u1" }, { "id": "u2" }, { "id": "u1" }]),
    )
    .root("me", json!({ "id": "u2", "friend": { "id": "u1" } }))
    .root(
        "strict",
        json!({ "must": null, "list": [1, null], "deep": [{ "must": 1 }, { "must": null }] }),
    )
    .entity("User", |user| json!({ "id": user["id"] }))
}

/// Names of users, which fail for `u1`.
pub(crate) fn names() -> Subgraph {
    Subgraph::new(
        "names",
        r#"type Query { ok: Boolean }
           type User @key(fields: "id") { id: ID! name: String age: Int! tags: [Tag!] }
           type Tag { label: String }"#,
    )
    .root("ok", json!(true))
    .entity("User", |user| match user["id"].as_str() {
        Some("u1") => json!({
            "name": failure("no such name", json!({ "code": "NOT_FOUND", "trace": "secret" })),
            "age": 7,
            "tags": [{ "label": "a" }, { "label": failure("oops: SELECT 1", json!({})) }],
        }),
        _ => json!({ "name": "Bob", "age": 8, "tags": null }),
    })
}

#[tokio::test]
async fn an_entitys_error_is_reported_at_every_place_of_the_entity() {
    let graph = Graph::new([users(), names()]).await;
    let error = |index: usize| json!({ "message": "no such name", "path": ["all", index, "n"], "extensions": { "code": "NOT_FOUND" } });
    graph
        .check(
            "{ all: users { n: name age } }",
            json!({
                "data": { "all": [{ "n": null, "age": 7 }, { "n": "Bob", "age": 8 }, { "n": null, "age": 7 }] },
                "errors": [error(0), error(2)],
            }),
        )
        .await;
}

#[tokio::test]
async fn internal_messages_are_masked_unless_in_development() {
    let query = "{ me { friend { tags { label } } } }";
    let answer = |message: &str| {
        json!({
            "data": { "me": { "friend": { "tags": [{ "label": "a" }, { "label": null }] } } },
            "errors": [{ "message": message, "path": ["me", "friend", "tags", 1, "label"], "extensions": { "code": "INTERNAL" } }],
        })
    };
    let graph = Graph::new([users(), names()]).await;
    graph
        .check(query, answer("An internal error occurred."))
        .await;
    let graph = Graph::with([users(), names()], |builder| builder.development(true)).await;
    graph.check(query, answer("oops: SELECT 1")).await;
}

#[tokio::test]
async fn foreign_codes_pass_and_other_extensions_only_by_name() {
    let subgraph = || {
        Subgraph::new("a", "type Query { a: Int }").root(
            "a",
            failure(
                "teapot",
                json!({ "code": "TEAPOT", "hint": 1, "stacktrace": ["x"] }),
            ),
        )
    };
    let error = |extensions: Value| json!({ "data": { "a": null }, "errors": [{ "message": "teapot", "path": ["a"], "extensions": extensions }] });
    let graph = Graph::new([subgraph()]).await;
    graph
        .check("{ a }", error(json!({ "code": "TEAPOT" })))
        .await;
    let graph = Graph::with([subgraph()], |builder| {
        builder.error_extensions(["hint".to_owned()])
    })
    .await;
    graph
        .check("{ a }", error(json!({ "code": "TEAPOT", "hint": 1 })))
        .await;
}

#[tokio::test]
async fn a_subgraph_that_nulls_its_whole_answer_is_reported_once() {
    let graph = Graph::new([Subgraph::new(
        "a",
        "type Query { names: [String!]! me: Me! } type Me { name: String! }",
    )
    .root("names", json!(["x"]))
    .root(
        "me",
        json!({ "name": failure("no name", json!({ "code": "CONFLICT" })) }),
    )])
    .await;
    let reason = json!([{ "message": "no name", "path": ["me", "name"], "extensions": { "code": "CONFLICT" } }]);
    let expected = json!({ "data": null, "errors": reason });
    graph.check("{ me { name } names }", expected).await;
}
