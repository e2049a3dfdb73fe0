//! `@authenticated` and `@requiresScopes`: denied fields are null with an error, the rest is served.

use crate::kit::{Graph, Subgraph};
use platform::caller::Caller;
use router::{ErrorCode, GraphQLRequest, RequestContext};
use serde_json::{Value, json};

async fn graph() -> Graph {
    let shop = Subgraph::new(
        "shop",
        r#"type Query { products: [Product!]! me: Me @authenticated vault: Vault audit: Audit record: Record }
           type Mutation { pay: Int @authenticated }
           type Subscription { paid: Int @authenticated }
           type Product @key(fields: "id") { id: ID! }
           type Me { name: String! }
           type Vault @authenticated { gold: Int }
           interface Record { entry: String }
           type Audit implements Record { entry: String @requiresScopes(scopes: [["audit:read", "staff"], ["admin"]]) day: String }"#,
    )
    .root("products", json!([{ "id": "p1" }, { "id": "p2" }]))
    .root("me", json!({ "name": "Ada" }))
    .root("vault", json!({ "gold": 1 }))
    .root("audit", json!({ "entry": "x", "day": "Mon" }))
    .root("record", json!({ "__typename": "Audit", "entry": "x", "day": "Mon" }))
    .root("pay", json!(1));
    let costs = Subgraph::new(
        "costs",
        r#"type Query { open: Boolean } type Product @key(fields: "id") { id: ID! cost: Int! @authenticated margin: Int @authenticated }"#,
    )
    .root("open", json!(true))
    .entity("Product", |_| json!({ "cost": 5, "margin": 1 }));
    Graph::new([shop, costs]).await
}

fn refusal(code: &str, path: Value) -> Value {
    let message = match code {
        "UNAUTHENTICATED" => "Sign in to see this field.",
        _ => "You are not allowed to see this field.",
    };
    json!({ "message": message, "path": path, "extensions": { "code": code } })
}

#[tokio::test]
async fn visitors_get_null_and_unauthenticated_while_the_rest_is_served() {
    let graph = graph().await;
    graph
        .check(
            "{ products { id margin } my: me { name } vault { gold } open }",
            json!({
                "data": { "products": [{ "id": "p1", "margin": null }, { "id": "p2", "margin": null }], "my": null, "vault": null, "open": true },
                "errors": [
                    refusal("UNAUTHENTICATED", json!(["products", 0, "margin"])),
                    refusal("UNAUTHENTICATED", json!(["products", 1, "margin"])),
                    refusal("UNAUTHENTICATED", json!(["my"])),
                    refusal("UNAUTHENTICATED", json!(["vault"])),
                ],
            }),
        )
        .await;
    let asked: Vec<_> = graph
        .requests("costs")
        .into_iter()
        .map(|(fields, _)| fields)
        .collect();
    assert_eq!(asked, ["open", "open"], "refused fields are not fetched");
}

#[tokio::test]
async fn refused_non_null_fields_propagate() {
    graph()
        .await
        .check(
            "{ open products { cost } }",
            json!({ "data": null, "errors": [refusal("UNAUTHENTICATED", json!(["products", 0, "cost"]))] }),
        )
        .await;
}

#[tokio::test]
async fn customers_see_what_visitors_do_not() {
    graph()
        .await
        .check_as(
            Caller::customer("usr_1"),
            "{ products { cost } me { name } vault { gold } }",
            json!({}),
            json!({ "data": { "products": [{ "cost": 5 }, { "cost": 5 }], "me": { "name": "Ada" }, "vault": { "gold": 1 } } }),
        )
        .await;
}

#[tokio::test]
async fn missing_scopes_are_forbidden() {
    let graph = graph().await;
    let query = "{ audit { day entry } }";
    let mut caller = Caller::customer("usr_1");
    caller.scopes.insert("audit:read".to_owned());
    graph
        .check_as(
            caller.clone(),
            query,
            json!({}),
            json!({ "data": { "audit": { "day": "Mon", "entry": null } }, "errors": [refusal("FORBIDDEN", json!(["audit", "entry"]))] }),
        )
        .await;
    caller.scopes.insert("staff".to_owned());
    graph
        .check_as(
            caller,
            query,
            json!({}),
            json!({ "data": { "audit": { "day": "Mon", "entry": "x" } } }),
        )
        .await;
}

#[tokio::test]
async fn a_refused_mutation_does_not_run() {
    let graph = graph().await;
    graph
        .check(
            "mutation { pay }",
            json!({ "data": { "pay": null }, "errors": [refusal("UNAUTHENTICATED", json!(["pay"]))] }),
        )
        .await;
    assert_eq!(graph.requests("shop"), []);
}

#[tokio::test]
async fn a_refused_subscription_does_not_start() {
    let graph = graph().await;
    let request = GraphQLRequest::new("subscription { paid }");
    let refused = graph
        .local
        .subscribe(request, RequestContext::default())
        .await;
    let refused = refused.err().expect("refused");
    assert!(refused.data.is_none());
    assert_eq!(refused.errors[0].code(), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn what_an_object_refuses_its_interface_does_not_give_away() {
    let graph = graph().await;
    graph
        .check(
            "{ record { entry } }",
            json!({
                "data": { "record": { "entry": null } },
                "errors": [refusal("UNAUTHENTICATED", json!(["record", "entry"]))],
            }),
        )
        .await;
    graph
        .check(
            "{ record { __typename secret: entry ... on Audit { day } } }",
            json!({
                "data": { "record": { "__typename": "Audit", "secret": null, "day": "Mon" } },
                "errors": [refusal("UNAUTHENTICATED", json!(["record", "secret"]))],
            }),
        )
        .await;
}
