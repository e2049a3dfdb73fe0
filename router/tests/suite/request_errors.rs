//! Documents rejected before execution, operation selection, and suggestions in messages.

use router::{GraphQLRequest, RequestContext, StatusHint};
use serde_json::{Value, json};

use crate::errors::{names, users};
use crate::kit::{Graph, Subgraph};

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
