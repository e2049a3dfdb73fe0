//! A schema reload plans the clients' operations before switching over.

use router::GraphQLRequest;

use crate::kit::{Edge, other_router};
use crate::requests::{Case, query};

#[tokio::test]
async fn what_clients_ask_is_planned_before_another_schema_takes_over() {
    let edge = Edge::start().await;
    let asked = ["{ shop }", "{ hello }", "{ hello }", "{ again: hello }"];
    for document in asked.into_iter().chain(["{ again: hello }"; 2]) {
        Case::post(query(document)).send(&edge).await;
    }
    let known = |edge: &Edge| -> Vec<String> {
        let known = edge.state.router().prepared_operations();
        known.into_iter().filter_map(|known| known.query).collect()
    };
    // Most used first.
    assert_eq!(known(&edge), ["{ again: hello }", "{ hello }", "{ shop }"]);
    // It has no `shop`.
    edge.state.reload(other_router()).await.expect("it fits");
    assert_eq!(known(&edge).len(), 2);
    assert!(!known(&edge).contains(&"{ shop }".to_owned()));
    let response = Case::post(query("{ hello }")).send(&edge).await;
    let answer = response.text().await.expect("text");
    assert!(answer.contains("hello from the other"), "{answer}");
}

#[tokio::test]
async fn warming_up_tells_what_it_could_not_prepare() {
    let router = other_router();
    let operation = |name: &str, text: &str| GraphQLRequest {
        operation_name: Some(name.to_owned()),
        ..GraphQLRequest::new(text)
    };
    let operations = || {
        vec![
            operation("A", "query A { hello }"),
            operation("B", "query B { nothing }"),
        ]
    };
    let none = router
        .warm_up(operations(), std::time::Duration::ZERO)
        .await;
    assert_eq!((none.prepared, none.left), (0, 2));
    let warmed = router.warm_up(operations(), std::time::Duration::MAX).await;
    assert_eq!((warmed.prepared, warmed.left), (1, 0));
    let (refused, response) = &warmed.refused[0];
    assert_eq!(refused.operation_name.as_deref(), Some("B"));
    assert!(response.errors[0].message.contains("nothing"));
    let known = router.prepared_operations();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].operation_name.as_deref(), Some("A"));
    assert_eq!(known[0].query.as_deref(), Some("query A { hello }"));
}
