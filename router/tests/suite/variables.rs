//! Variables are validated and coerced before anything is fetched.

use crate::kit::{Graph, Subgraph};
use router::{ErrorCode, GraphQLRequest, RequestContext, StatusHint};
use serde_json::{Value, json};

async fn graph() -> Graph {
    let echo = Subgraph::new(
        "echo",
        "type Query { echo(int: Int, float: Float, id: ID, text: String, flag: Boolean, color: Color, list: [[Int!]], input: Input, any: Any): Any, must(int: Int!): Any }
         scalar Any enum Color { RED GREEN BLUE @inaccessible }
         input Input { must: Int!, with: Int! = 3, more: [Input!], hidden: Int @inaccessible }",
    )
    .resolve("echo", Clone::clone)
    .resolve("must", Clone::clone);
    Graph::new([echo]).await
}

#[tokio::test]
async fn values_are_coerced_to_their_types() {
    let graph = graph().await;
    for (ty, argument, given, seen) in [
        ("Int", "int", json!(5), json!(5)),
        ("Int", "int", json!(5.0), json!(5)),
        ("Int", "int", json!(null), json!(null)),
        ("Float", "float", json!(5), json!(5)),
        ("ID", "id", json!(5), json!("5")),
        ("ID", "id", json!("x"), json!("x")),
        ("Color", "color", json!("RED"), json!("RED")),
        ("[[Int!]]", "list", json!(1), json!([[1]])),
        ("[[Int!]]", "list", json!([1, null]), json!([[1], null])),
        (
            "Input",
            "input",
            json!({ "must": 1, "more": { "must": 2 } }),
            json!({ "must": 1, "more": [{ "must": 2 }] }),
        ),
        (
            "Any",
            "any",
            json!({ "a": [1.5, null] }),
            json!({ "a": [1.5, null] }),
        ),
        ("Int = 7", "int", Value::Null, json!(null)),
    ] {
        let query = format!("query($v: {ty}) {{ echo({argument}: $v) }}");
        graph
            .check_with(
                &query,
                json!({ "v": given }),
                json!({ "data": { "echo": { argument: seen } } }),
            )
            .await;
    }
    graph
        .check(
            "query($v: Int! = 7) { must(int: $v) }",
            json!({ "data": { "must": { "int": 7 } } }),
        )
        .await;
    graph
        .check(
            "query($v: Int) { echo(int: $v) }",
            json!({ "data": { "echo": { "int": null } } }),
        )
        .await;
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused() {
    let graph = graph().await;
    for (ty, argument, given, reason) in [
        (
            "Int",
            "int",
            json!("5"),
            "Int cannot represent a string value.",
        ),
        (
            "Int",
            "int",
            json!(2_147_483_648_i64),
            "Int cannot represent this number.",
        ),
        (
            "Int",
            "int",
            json!(1.5),
            "Int cannot represent this number.",
        ),
        (
            "Float",
            "float",
            json!("1"),
            "Float cannot represent a string value.",
        ),
        (
            "String",
            "text",
            json!(1),
            "String cannot represent this number.",
        ),
        (
            "Boolean",
            "flag",
            json!("true"),
            "Boolean cannot represent a string value.",
        ),
        ("ID", "id", json!(1.5), "ID cannot represent a fraction."),
        (
            "Color",
            "color",
            json!("PINK"),
            "Value \"PINK\" does not exist in \"Color\" enum.",
        ),
        (
            "Color",
            "color",
            json!("BLUE"),
            "Value \"BLUE\" does not exist in \"Color\" enum.",
        ),
        (
            "Color",
            "color",
            json!(1),
            "Enum \"Color\" cannot represent non-string value.",
        ),
        (
            "[[Int!]]",
            "list",
            json!([[1, null]]),
            "at \"[0][1]\"; Expected non-nullable type \"Int!\" not to be null.",
        ),
        (
            "Input",
            "input",
            json!({}),
            "Field \"must\" of required type \"Int!\" was not provided.",
        ),
        (
            "Input",
            "input",
            json!({ "must": 1, "x": 2 }),
            "Field \"x\" is not defined by type \"Input\".",
        ),
        (
            "Input",
            "input",
            json!({ "must": 1, "hidden": 2 }),
            "Field \"hidden\" is not defined by type \"Input\".",
        ),
        (
            "Input",
            "input",
            json!({ "must": 1, "more": [{ "must": "x" }] }),
            "at \"more[0].must\"; Int cannot represent a string value.",
        ),
        (
            "Int!",
            "int",
            Value::Null,
            "Expected non-nullable type \"Int!\" not to be null.",
        ),
    ] {
        let query = format!("query($v: {ty}) {{ echo({argument}: $v) }}");
        let request = GraphQLRequest::new(&query).with_variables(json!({ "v": given }));
        let response = graph
            .local
            .execute(request, RequestContext::default())
            .await;
        assert_eq!(
            response.status_hint(),
            StatusHint::RequestError(ErrorCode::BadUserInput),
            "{response:?}"
        );
        let message = &response.errors[0].message;
        assert!(
            message.starts_with("Variable \"$v\" got invalid value"),
            "{message}"
        );
        assert!(message.ends_with(reason), "{message}");
        assert_eq!(response.errors[0].locations.len(), 1);
    }
    let request = GraphQLRequest::new("query($v: Int!) { must(int: $v) }");
    let response = graph
        .local
        .execute(request, RequestContext::default())
        .await;
    assert_eq!(
        response.errors[0].message,
        "Variable \"$v\" of required type \"Int!\" was not provided."
    );
    assert_eq!(graph.requests("echo"), []);
}
