//! Runs queries and mutations for a request.

use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, StreamExt};
use tracing::Instrument;

use super::overload::Permit;
use super::refusal::Refusal;
use crate::Router;
use crate::incremental::IncrementalResponse;
use crate::prepare::{OperationKind, PreparedOperation};
use crate::request::PreparedRequest;
use crate::response::GraphQLResponse;

/// Executes a query or mutation. A mutation continues even if its client disconnects.
pub(super) async fn execute(
    router: &Router,
    request: PreparedRequest,
    permit: Permit,
) -> Result<GraphQLResponse, Refusal> {
    if request.operation.kind() != OperationKind::Mutation {
        return Ok(run(router, request, permit).await);
    }
    let router = router.clone();
    let execution = async move { run(&router, request, permit).await };
    completed(execution).await
}

/// Executes a query or mutation whose response may come in parts. The permit is held until the last of them. A mutation
/// continues even if its client disconnects; what is deferred of it does not.
pub(super) async fn execute_incremental(
    router: &Router,
    request: PreparedRequest,
    permit: Permit,
) -> Result<IncrementalResponse, Refusal> {
    if request.operation.kind() != OperationKind::Mutation {
        return Ok(run_incremental(router, request, permit).await);
    }
    let router = router.clone();
    let execution = async move { run_incremental(&router, request, permit).await };
    completed(execution).await
}

/// Runs a mutation in its own task, which its client cannot cancel.
async fn completed<R: Send + 'static>(
    mutation: impl Future<Output = R> + Send + 'static,
) -> Result<R, Refusal> {
    let running = tokio::spawn(mutation.in_current_span());
    running.await.map_err(|panic| {
        tracing::error!(%panic, "a mutation panicked");
        Refusal::internal()
    })
}

async fn run_incremental(
    router: &Router,
    request: PreparedRequest,
    permit: Permit,
) -> IncrementalResponse {
    let running = Running {
        operation: Arc::clone(&request.operation),
        permit: Some(permit),
        started: Instant::now(),
    };
    let IncrementalResponse { initial, later } = router.execute_prepared_incremental(request).await;
    let Some(later) = later else {
        running.end(initial.data.is_some());
        return IncrementalResponse::whole(initial);
    };
    let later = stream::unfold(Some((later, running)), |state| async move {
        let (mut later, running) = state?;
        let part = later.next().await?;
        if part.has_next {
            return Some((part, Some((later, running))));
        }
        running.end(true);
        Some((part, None))
    });
    IncrementalResponse {
        initial,
        later: Some(later.boxed()),
    }
}

/// Executes a query or mutation as part of the calling task.
pub(super) async fn run(
    router: &Router,
    request: PreparedRequest,
    permit: Permit,
) -> GraphQLResponse {
    let running = Running {
        operation: Arc::clone(&request.operation),
        permit: Some(permit),
        started: Instant::now(),
    };
    let response = router.execute_prepared(request).await;
    running.end(response.data.is_some());
    response
}

/// An operation that runs. If it is dropped before its end, its client has gone.
struct Running {
    operation: Arc<PreparedOperation>,
    permit: Option<Permit>,
    started: Instant,
}

impl Running {
    fn end(mut self, has_run: bool) {
        let permit = self.permit.take();
        // What is rejected before it runs takes no time.
        if let Some(permit) = permit.filter(|_| has_run) {
            permit.finish(&self.operation, self.started.elapsed());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.abandon(&self.operation, self.started.elapsed());
        }
    }
}
