//! Documents rejected before planning, each with the limit it exceeds.

use router::{ErrorCode, GraphQLError, GraphQLRequest, OperationLimits, RequestContext};
use serde_json::json;

use crate::kit::{Graph, Subgraph};

/// The error that rejects a document for exceeding a limit.
async fn refused(graph: &Graph, document: &str, limit: &str) -> GraphQLError {
    let request = GraphQLRequest::new(document);
    let mut answer = graph
        .local
        .execute(request, RequestContext::default())
        .await;
    assert!(answer.data.is_none(), "{limit}");
    let error = answer.errors.swap_remove(0);
    assert_eq!(error.code(), ErrorCode::OperationTooComplex, "{error:?}");
    assert_eq!(error.extensions.other["limit"], limit, "{error:?}");
    error
}

#[tokio::test]
async fn every_limit_refuses_by_its_name() {
    let graph = Graph::with(
        [
            Subgraph::new("a", "type Query { a: A n: Int } type A { a: A n: Int }")
                .root("n", json!(1)),
        ],
        |builder| {
            builder.limits(OperationLimits {
                document_bytes: 500,
                tokens: 100,
                depth: 4,
                fields: 8,
                aliases: 2,
                root_fields: 3,
                directives: 2,
                repeated_fields: 2,
                ..OperationLimits::default()
            })
        },
    )
    .await;
    graph
        .check("{ n x: n }", json!({ "data": { "n": 1, "x": 1 } }))
        .await;
    let tokens = format!("{{ a {{ {} }} }}", "... { n } ".repeat(30));
    let long = format!("{{ n }} # {}", "long ".repeat(100));
    for (limit, document) in [
        ("document_bytes", long.as_str()),
        ("tokens", tokens.as_str()),
        ("depth", "{ a { a { a { a { n } } } } }"),
        (
            "fields",
            "{ a { ...F } b: a { ...F } } fragment F on A { n a { n a { n } } }",
        ),
        ("aliases", "{ x: n y: n a { z: n } }"),
        ("root_fields", "{ n n a { n } __typename }"),
        (
            "root_fields",
            "{ ...F } fragment F on Query { n n: n ... { n a { n } } }",
        ),
        (
            "directives",
            "{ n @skip(if: false) @include(if: true) a { n @skip(if: true) } }",
        ),
        ("repeated_fields", "{ n n n }"),
    ] {
        refused(&graph, document, limit).await;
    }
}

#[tokio::test]
async fn a_document_nested_beyond_the_parser_is_too_deep() {
    let graph = Graph::with(
        [Subgraph::new(
            "a",
            "type Query { a: A n(list: [[Int]]): Int } type A { a: A n: Int }",
        )],
        |builder| {
            builder.limits(OperationLimits {
                depth: 100,
                ..OperationLimits::default()
            })
        },
    )
    .await;
    for document in [
        format!("{{ {} n {} }}", "a {".repeat(60), "}".repeat(60)),
        format!("{{ n(list: {}{}) }}", "[".repeat(3_000), "]".repeat(3_000)),
        "{ a ".repeat(3_000),
    ] {
        let error = refused(&graph, &document, "depth").await;
        assert!(error.message.contains("`depth` of 50"), "{error:?}");
    }
}

#[tokio::test]
async fn what_has_to_be_compared_is_bounded() {
    let graph = Graph::with(
        [Subgraph::new(
            "a",
            "type Query { a: A n: Int } type A { a: A n: Int }",
        )],
        |builder| {
            builder.limits(OperationLimits {
                root_fields: 100,
                ..OperationLimits::default()
            })
        },
    )
    .await;
    let level = |inner: &str| format!("{{ {} }}", format!("a {inner} ").repeat(40));
    let spreads: String = (0..3_900).map(|n| format!("...F{n} ")).collect();
    for document in [level(&level("{ n }")), format!("{{ a {{ {spreads} }} }}")] {
        refused(&graph, &document, "comparisons").await;
    }
}

#[tokio::test]
async fn variables_have_so_many_values_only() {
    let graph = Graph::with(
        [Subgraph::new(
            "a",
            "type Query { n(list: [In]): Int } input In { n: Int list: [Int] }",
        )
        .root("n", json!(1))],
        |builder| {
            builder.limits(OperationLimits {
                variable_values: 6,
                ..OperationLimits::default()
            })
        },
    )
    .await;
    for (list, refused) in [
        (json!([{ "n": 1, "list": [1, null] }]), false),
        (json!([{ "n": 1, "list": [1, 2, 3] }]), true),
        (json!([{}, {}, {}, {}, {}, {}]), true),
    ] {
        let mut request = GraphQLRequest::new("query($v: [In]) { n(list: $v) }");
        request.variables.insert("v".to_owned(), list);
        let answer = graph
            .local
            .execute(request, RequestContext::default())
            .await;
        assert_eq!(answer.data.is_none(), refused, "{answer:?}");
        if let [error] = &answer.errors[..] {
            assert_eq!(error.code(), ErrorCode::OperationTooComplex, "{error:?}");
            assert_eq!(error.extensions.other["limit"], "variable_values");
        }
    }
}

#[tokio::test]
async fn a_schema_is_not_told_in_circles() {
    let graph = Graph::new([Subgraph::new("a", "type Query { n: Int }")]).await;
    let types = |inner: &str| format!("{{ __schema {{ types {{ {inner} }} }} }}");
    for (inner, told) in [
        ("fields { type { fields { name } } }", true),
        (
            "fields { type { fields { type { fields { name } } } } }",
            false,
        ),
    ] {
        let answer = graph
            .local
            .execute(GraphQLRequest::new(types(inner)), RequestContext::default())
            .await;
        assert_eq!(answer.data.is_some(), told, "{inner}");
        if let [error] = &answer.errors[..] {
            assert_eq!(error.extensions.other["limit"], "introspection_depth");
        }
    }
}

#[tokio::test]
async fn a_document_with_thousands_of_errors_is_told_the_first_hundred() {
    let graph = Graph::new([Subgraph::new("a", "type Query { a: A } type A { n: Int }")]).await;
    let fields: String = (0..3_000).map(|n| format!("f{n} ")).collect();
    let request = GraphQLRequest::new(format!("{{ a {{ {fields} }} }}"));
    let answer = graph
        .local
        .execute(request, RequestContext::default())
        .await;
    assert_eq!(answer.errors.len(), 101);
    assert!(answer.errors[0].message.contains("\"f0\""));
    assert!(answer.errors[100].message.contains("more errors"));
}

#[tokio::test]
async fn planning_ends_at_its_limit() {
    let graph = Graph::with([Subgraph::new("a", "type Query { n: Int }")], |builder| {
        builder.limits(OperationLimits {
            planning_ms: 0,
            ..OperationLimits::default()
        })
    })
    .await;
    let answer = graph
        .local
        .execute(GraphQLRequest::new("{ n }"), RequestContext::default())
        .await;
    let error = &answer.errors[0];
    assert_eq!(error.code(), ErrorCode::OperationTooComplex, "{error:?}");
    assert_eq!(error.extensions.other["limit"], "planning_ms", "{error:?}");
}
