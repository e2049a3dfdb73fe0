//! Cost limit: rejected before planning and fetching, with the computed cost and the limit.

use router::{ErrorCode, GraphQLError, GraphQLRequest, OperationLimits, RequestContext, Router};
use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

const SHOP: &str = r#"
    type Query { me: Customer }
    type Customer @key(fields: "id") { id: ID! orders(first: Int = 20, last: Int): Orders! }
    type Orders { nodes: [Order!]! }
    type Order @key(fields: "id") { id: ID! customer: Customer! items: [Item!]! }
    type Item { id: ID! order: Order! }
    type Mutation { pay(card: String!): Int }
"#;

async fn shop(limits: OperationLimits) -> Graph {
    let shop = Subgraph::new("shop", SHOP)
        .root(
            "me",
            json!({ "__typename": "Customer", "id": "1", "orders": { "nodes": [] } }),
        )
        .root("pay", json!(1));
    Graph::with([shop], |builder| builder.limits(limits.clone())).await
}

async fn error(graph: &Graph, text: &str, variables: Value) -> Option<GraphQLError> {
    let mut first = None;
    for (name, router) in graph.routers() {
        let request = GraphQLRequest::new(text).with_variables(variables.clone());
        let answer = router.execute(request, RequestContext::default()).await;
        if !answer.errors.is_empty() {
            assert!(answer.data.is_none(), "over {name}");
        }
        first = answer.errors.into_iter().next();
    }
    first
}

/// `levels` nested pages of customers' orders.
fn orders(levels: usize, arguments: &str) -> String {
    let open = format!("orders{arguments} {{ nodes {{ customer {{ ");
    format!(
        "{{ me {{ {} id {} }} }}",
        open.repeat(levels),
        "} } }".repeat(levels)
    )
}

#[tokio::test]
async fn pages_of_pages_are_refused_before_anything_is_fetched() {
    let graph = shop(OperationLimits::default()).await;
    for levels in [3, 4] {
        let error = error(&graph, &orders(levels, "(first: 100)"), json!({})).await;
        let error = error.expect("refused");
        assert_eq!(error.code(), ErrorCode::OperationTooComplex, "{error:?}");
        let other = &error.extensions.other;
        assert_eq!(other["limit"], OperationLimits::default().cost);
        assert!(
            other["cost"].as_u64() > other["limit"].as_u64(),
            "{other:?}"
        );
        assert!(
            error.message.contains(&other["cost"].to_string()),
            "{error:?}"
        );
    }
    let variable = format!("query($n: Int) {}", orders(3, "(first: $n)"));
    assert!(
        error(&graph, &variable, json!({ "n": 100 }))
            .await
            .is_some()
    );
    let cycle = format!(
        "{{ me {{ orders {{ nodes {{ {} id {} }} }} }} }}",
        "items { order { ".repeat(5),
        "} }".repeat(5)
    );
    assert!(error(&graph, &cycle, json!({})).await.is_some());
    assert!(graph.requests("shop").is_empty(), "nothing was fetched");

    // The same document passes with other variables.
    assert!(error(&graph, &variable, json!({ "n": 5 })).await.is_none());
    assert!(
        error(&graph, &orders(1, "(first: 100)"), json!({}))
            .await
            .is_none()
    );
    assert!(!graph.requests("shop").is_empty());
}

#[tokio::test]
async fn the_cost_of_an_operation_can_be_asked_for() {
    let graph = shop(OperationLimits::default()).await;
    let request = GraphQLRequest::new(orders(3, "(first: 100)"));
    let cost = graph.local.cost(request).await.expect("a cost");
    assert!(cost > 1_000_000.0, "{cost}");
}

#[tokio::test]
async fn a_request_has_so_many_mutations_only() {
    let limits = OperationLimits {
        root_mutations: 3,
        ..OperationLimits::default()
    };
    let graph = shop(limits).await;
    let payments = |count: usize| -> String {
        (0..count)
            .map(|n| format!("p{n}: pay(card: \"{n}\") "))
            .collect()
    };
    assert!(
        error(
            &graph,
            &format!("mutation {{ __typename {} }}", payments(3)),
            json!({})
        )
        .await
        .is_none()
    );
    for text in [
        format!("mutation {{ {} }}", payments(4)),
        format!(
            "mutation {{ ...F ... {{ x: pay(card: \"\") }} }} fragment F on Mutation {{ {} }}",
            payments(3)
        ),
    ] {
        let error = error(&graph, &text, json!({})).await.expect("refused");
        assert_eq!(error.code(), ErrorCode::OperationTooComplex, "{error:?}");
        assert_eq!(error.extensions.other["limit"], "root_mutations");
    }
}

#[tokio::test]
async fn composition_keeps_costs_by_whatever_name() {
    for (import, cost, list_size) in [
        (r#""@cost", "@listSize""#, "cost", "listSize"),
        (
            r#"{name: "@cost", as: "@weight"}, {name: "@listSize", as: "@sized"}"#,
            "weight",
            "sized",
        ),
        ("", "federation__cost", "federation__listSize"),
    ] {
        let sdl = format!(
            r#"
            extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", {import}])
            type Query {{
                items: [Item] @{list_size}(assumedSize: 7)
                dear: Item @{cost}(weight: 30)
                page(size: Int): Page
                    @{list_size}(slicingArguments: ["size"], sizedFields: ["rows"], requireOneSlicingArgument: false)
            }}
            type Page {{ rows: [Item] }}
            type Item @key(fields: "id") {{ id: ID! @{cost}(weight: 2) }}
            "#
        );
        let supergraph = router::compose(&[("a", &sdl, "http://a.invalid")]).expect("composes");
        let router = Router::builder().supergraph(&supergraph).build();
        let router = router.expect("a router");
        for (text, cost) in [
            ("{ items { id } dear { id } }", 7.0 * 3.0 + 32.0),
            ("{ page(size: 5) { rows { id } } }", 1.0 + 5.0 * 3.0),
        ] {
            let found = router.cost(GraphQLRequest::new(text)).await;
            assert_eq!(found.expect("a cost"), cost, "{text}\n{supergraph}");
        }
    }
}
