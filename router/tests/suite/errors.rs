//! What goes wrong costs its own fields only, and clients learn where, but not why inside.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::{Graph, Subgraph, failure};
use axum::routing::post;
use router::{
    GraphQLRequest, HttpTransport, HttpTransportOptions, RequestContext, Router, StatusHint,
};
use serde_json::{Value, json};
use tokio::sync::watch;

fn users() -> Subgraph {
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

fn names() -> Subgraph {
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

#[tokio::test]
async fn a_slow_subgraph_is_cut_at_the_deadline_and_the_rest_is_served() {
    let (_open, closed) = watch::channel(true);
    let graph = Graph::with([users(), names().behind(closed)], |builder| {
        builder.deadline(Duration::from_secs(3))
    })
    .await;
    graph
        .check(
            "{ me { id name } ok }",
            json!({
                "data": { "me": { "id": "u2", "name": null }, "ok": null },
                "errors": [
                    { "message": "This part of the answer took too long.", "path": ["ok"], "extensions": { "code": "DEADLINE_EXCEEDED" } },
                    { "message": "This part of the answer took too long.", "path": ["me"], "extensions": { "code": "DEADLINE_EXCEEDED" } },
                ],
            }),
        )
        .await;
}

/// A router over `users` and a `names` that answers every request with this.
async fn with_names_answering(
    status: u16,
    body: &'static str,
    options: HttpTransportOptions,
) -> (Router, watch::Receiver<usize>) {
    let (count, counted) = watch::channel(0);
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    let handler = move || {
        count.send_modify(|count| *count += 1);
        async move { (status, body) }
    };
    let app = axum::Router::new().route("/", post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let users = Arc::new(users());
    let router = Router::builder()
        .subgraph("users", &users.sdl, crate::kit::over_http(&users).await)
        .subgraph(
            "names",
            &names().sdl,
            Arc::new(HttpTransport::new("names", &url, options).unwrap()),
        )
        .build()
        .unwrap();
    (router, counted)
}

#[tokio::test]
async fn what_is_no_graphql_response_makes_a_subgraph_unavailable() {
    let small = HttpTransportOptions {
        max_response_bytes: 64,
        ..HttpTransportOptions::default()
    };
    let normal = HttpTransportOptions::default;
    let long: &'static str = Box::leak(
        format!(
            r#"{{"data":{{"_entities":[{{"name":"{}"}}]}}}}"#,
            "x".repeat(100)
        )
        .into_boxed_str(),
    );
    for (status, body, options, calls) in [
        (200, "<html>", normal(), 1),
        (200, r#"{"data":{"_entities":[{"name":"Bo"#, normal(), 1),
        (
            200,
            r#"{"data":{"_entities":[{"name":"B"}]}} {}"#,
            normal(),
            1,
        ),
        (200, r#"{"hello":1}"#, normal(), 1),
        (500, "boom", normal(), 1),
        (302, "", normal(), 1),
        (503, "busy", normal(), 2),
        (200, long, small, 1),
    ] {
        let (router, counted) = with_names_answering(status, body, options).await;
        let response = router
            .execute(
                GraphQLRequest::new("{ me { id name } }"),
                RequestContext::default(),
            )
            .await;
        assert_eq!(
            response.data_value(),
            json!({ "me": { "id": "u2", "name": null } }),
            "{body}"
        );
        let errors = serde_json::to_value(&response.errors).unwrap();
        assert_eq!(
            errors,
            json!([{ "message": "This part of the answer is not available at the moment.", "path": ["me"], "extensions": { "code": "SUBGRAPH_UNAVAILABLE" } }]),
            "{body}"
        );
        assert_eq!(*counted.borrow(), calls, "{status} {body}");
    }
}

#[tokio::test]
async fn graphql_errors_count_whatever_the_status_is() {
    let body = r#"{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"},"path":null}]}"#;
    let (router, _) = with_names_answering(403, body, HttpTransportOptions::default()).await;
    let response = router
        .execute(
            GraphQLRequest::new("{ me { id name } }"),
            RequestContext::default(),
        )
        .await;
    assert_eq!(
        serde_json::to_value(&response.errors).unwrap(),
        json!([{ "message": "no", "path": ["me"], "extensions": { "code": "FORBIDDEN" } }])
    );
}

#[tokio::test]
async fn documents_that_cannot_run_are_refused_before_execution() {
    let graph = Graph::new([users(), names()]).await;
    let parse = router::ErrorCode::GraphQLParseFailed;
    let validation = router::ErrorCode::GraphQLValidationFailed;
    for (query, code, message) in [
        ("{ me { id ", parse, "Syntax Error"),
        (
            "{ me { nothing } }",
            validation,
            "Cannot query field \"nothing\" on type \"User\".",
        ),
        (
            "{ _entities(representations: []) { __typename } }",
            validation,
            "_entities",
        ),
        ("{ _service { sdl } }", validation, "_service"),
        (
            "query A { ok } query B { ok }",
            router::ErrorCode::OperationResolutionFailure,
            "operation name",
        ),
        ("fragment F on User { id }", validation, ""),
        (
            "{ me { ...F } } fragment F on User { friend { ...F } }",
            validation,
            "Cannot spread fragment \"F\" within itself",
        ),
        ("", router::ErrorCode::BadUserInput, "Must provide a query."),
        ("mutation { x }", validation, ""),
        ("subscription { x }", validation, ""),
    ] {
        let response = graph
            .local
            .execute(GraphQLRequest::new(query), RequestContext::default())
            .await;
        assert_eq!(
            response.status_hint(),
            StatusHint::RequestError(code),
            "{query}: {response:?}"
        );
        assert!(
            response.errors[0].message.contains(message),
            "{query}: {}",
            response.errors[0].message
        );
    }
    assert_eq!(graph.requests("users"), []);
}

#[tokio::test]
async fn the_named_operation_runs() {
    let graph = Graph::new([users(), names()]).await;
    let mut request =
        GraphQLRequest::new("query A { ok } query B { ...F } fragment F on Query { me { id } }");
    request.operation_name = Some("B".to_owned());
    let response = graph
        .local
        .execute(request.clone(), RequestContext::default())
        .await;
    assert_eq!(response.data_value(), json!({ "me": { "id": "u2" } }));
    request.operation_name = Some("C".to_owned());
    let response = graph
        .local
        .execute(request, RequestContext::default())
        .await;
    assert_eq!(response.errors[0].message, "Unknown operation named \"C\".");
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

#[tokio::test]
async fn names_are_suggested_in_development_only() {
    let sdl = "type Query { product(id: ID, size: Size, look: Look): Product products: [Product] }
               type Product { name: String number: Int }
               enum Size { SMALL LARGE } input Look { colour: String }";
    let shop = || Subgraph::new("shop", sdl).root("product", Value::Null);
    let told = async |graph: &Graph, query: &str| {
        let refused = graph.local.prepare(&GraphQLRequest::new(query)).await;
        refused.expect_err("refused").errors[0].message.clone()
    };
    let development = Graph::with([shop()], |builder| builder.development(true)).await;
    let production = Graph::with([shop()], |builder| builder.development(false)).await;
    for (query, plain, suggested) in [
        (
            "{ prodcts { name } }",
            "Cannot query field \"prodcts\" on type \"Query\".",
            " Did you mean \"products\" or \"product\"?",
        ),
        (
            "{ product { Name } }",
            "Cannot query field \"Name\" on type \"Product\".",
            " Did you mean \"name\"?",
        ),
        (
            "{ product { entirely } }",
            "Cannot query field \"entirely\" on type \"Product\".",
            "",
        ),
        (
            "{ product(idd: 1) { name } }",
            "Unknown argument \"idd\" on field \"Query.product\".",
            " Did you mean \"id\"?",
        ),
        (
            "{ product { ... on Prodct { name } } }",
            "Unknown type \"Prodct\".",
            " Did you mean \"Product\"?",
        ),
        (
            "{ product @skp(if: true) { name } }",
            "Unknown directive \"@skp\".",
            " Did you mean \"skip\"?",
        ),
        (
            "{ product(size: SMAL) { name } }",
            "Value \"SMAL\" does not exist in \"Size\" enum.",
            " Did you mean \"SMALL\"?",
        ),
        (
            "{ product(look: { color: \"red\" }) { name } }",
            "Field \"color\" is not defined by type \"Look\".",
            " Did you mean \"colour\"?",
        ),
    ] {
        let expected = format!("{plain}{suggested}");
        assert_eq!(told(&development, query).await, expected, "{query}");
        assert_eq!(told(&production, query).await, plain, "{query}");
    }
    let bare = told(&production, "{ product }").await;
    assert!(!bare.contains("Did you mean"), "{bare}");
}
