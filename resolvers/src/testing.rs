//! Shared by the tests of every subgraph: executing a query as a given caller.

use async_graphql::{Request, Variables};
use platform::caller::Caller;
use uuid::Uuid;

use crate::id::IdKind;
use crate::subgraph::Subgraph;

/// Executes as this customer, or as a visitor, and returns the whole response as JSON.
pub async fn execute(
    subgraph: &Subgraph,
    customer: Option<Uuid>,
    document: &str,
    variables: serde_json::Value,
) -> serde_json::Value {
    let caller = customer.map_or_else(Caller::default, |id| {
        Caller::customer(IdKind::Customer.format(id))
    });
    execute_as(subgraph, caller, document, variables).await
}

/// Executes as this caller, and returns the whole response as JSON.
pub async fn execute_as(
    subgraph: &Subgraph,
    caller: Caller,
    document: &str,
    variables: serde_json::Value,
) -> serde_json::Value {
    let request = Request::new(document).variables(Variables::from_json(variables));
    let response = subgraph.execute(request, caller).await;
    serde_json::to_value(response).expect("a response is JSON")
}

/// A caller with this subject, who need not be a customer, and with this scope.
pub fn with_scope(subject: &str, scope: &str) -> Caller {
    Caller {
        subject: Some(subject.to_owned()),
        scopes: [scope.to_owned()].into(),
        ..Caller::default()
    }
}

/// The code of the response's first error.
pub fn code(answer: &serde_json::Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or("no error")
}
