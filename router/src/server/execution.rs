//! Runs queries and mutations for a request.

use tracing::Instrument;

use super::refusal::Refusal;
use crate::Router;
use crate::prepare::OperationKind;
use crate::request::PreparedRequest;
use crate::response::GraphQLResponse;

/// Executes a query or mutation. A mutation continues even if its client disconnects.
pub(super) async fn execute(
    router: &Router,
    request: PreparedRequest,
) -> Result<GraphQLResponse, Refusal> {
    if request.operation.kind() != OperationKind::Mutation {
        return Ok(router.execute_prepared(request).await);
    }
    let router = router.clone();
    let execution = async move { router.execute_prepared(request).await };
    tokio::spawn(execution.in_current_span())
        .await
        .map_err(|panic| {
            tracing::error!(%panic, "a mutation panicked");
            Refusal::internal()
        })
}
