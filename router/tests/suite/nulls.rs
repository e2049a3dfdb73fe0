//! Nulls and values of the wrong type in subgraph responses.

use serde_json::{Value, json};

use crate::errors::{names, users};
use crate::kit::{Graph, Subgraph, failure};

#[tokio::test]
async fn nulls_propagate_to_the_nearest_nullable_parent() {
    let graph = Graph::new([users(), names()]).await;
    let violation = |path: Value, field: &str| {
        json!({
            "message": format!("Cannot return null for non-nullable field Strict.{field}."),
            "path": path,
            "extensions": { "code": "INTERNAL" },
        })
    };
    graph
        .check(
            "{ strict { list deep { must } } }",
            json!({
                "data": { "strict": { "list": null, "deep": null } },
                "errors": [violation(json!(["strict", "list", 1]), "list"), violation(json!(["strict", "deep", 1, "must"]), "must")],
            }),
        )
        .await;
    graph
        .check(
            "{ me { id } strict { list must } }",
            json!({
                "data": { "me": { "id": "u2" }, "strict": null },
                "errors": [violation(json!(["strict", "list", 1]), "list"), violation(json!(["strict", "must"]), "must")],
            }),
        )
        .await;
}

#[tokio::test]
async fn a_null_that_an_error_explains_is_not_reported_again() {
    let broken = Subgraph::new("a", "type Query { a: A ok: Int } type A { must: Int! }")
        .root("ok", json!(1))
        .root(
            "a",
            json!({ "must": failure("gone", json!({ "code": "NOT_FOUND" })) }),
        );
    let graph = Graph::new([broken]).await;
    graph
        .check(
            "{ a { must } ok }",
            json!({
                "data": { "a": null, "ok": 1 },
                "errors": [{ "message": "gone", "path": ["a", "must"], "extensions": { "code": "NOT_FOUND" } }],
            }),
        )
        .await;
}

#[tokio::test]
async fn values_of_the_wrong_type_are_null_with_an_error() {
    let wrong = Subgraph::new(
        "a",
        "type Query { int: Int long: Int text: String flag: Boolean list: [Int] object: O id: ID color: Color float: Float }
         type O { a: Int } enum Color { RED GREEN @inaccessible }",
    )
    .root("int", json!("1"))
    .root("long", json!(3_000_000_000_i64))
    .root("text", json!(5))
    .root("flag", json!("true"))
    .root("list", json!(7))
    .root("object", json!("o"))
    .root("id", json!(12))
    .root("color", json!("GREEN"))
    .root("float", json!(3));
    let graph = Graph::new([wrong]).await;
    let error = |name: &str| {
        json!({
            "message": format!("The value of Query.{name} is not of the type the schema gives it."),
            "path": [name],
            "extensions": { "code": "INTERNAL" },
        })
    };
    // Found before the answer is written.
    let without_fields = json!({
        "message": "An internal error occurred.",
        "path": ["object"],
        "extensions": { "code": "INTERNAL" },
    });
    graph
        .check(
            "{ int long text flag list object { a } id color float }",
            json!({
                "data": { "int": null, "long": null, "text": null, "flag": null, "list": null, "object": null, "id": "12", "color": null, "float": 3 },
                "errors": ([without_fields].into_iter().chain(["int", "long", "text", "flag", "list"].map(error)).collect::<Vec<_>>()),
            }),
        )
        .await;
}
