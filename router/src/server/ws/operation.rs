//! One operation of a connection, from `subscribe` to its answer or its stream.

use std::sync::Arc;
use std::time::Instant;

use platform::telemetry::access_log::log_operation;
use tracing::Instrument;

use super::queue::OperationHandle;
use crate::prepare::OperationKind;
use crate::request::{GraphQLRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::server::operation_log::OperationLog;
use crate::server::state::ServerState;
use crate::subscribe::WatchOptions;

/// Answers a query or a mutation, or starts to watch a subscription.
pub(super) async fn run(
    state: ServerState,
    request: GraphQLRequest,
    context: RequestContext,
    log: OperationLog,
    ticket: OperationHandle,
) {
    let started = Instant::now();
    run_logged(&state, request, context, &log, ticket).await;
    log_operation(&log.finish(&state.known_pairs), started);
}

async fn run_logged(
    state: &ServerState,
    request: GraphQLRequest,
    context: RequestContext,
    log: &OperationLog,
    ticket: OperationHandle,
) {
    let router = state.router.load_full();
    let kind = match router.prepare(&request).await {
        Ok(operation) => {
            log.prepared(&operation);
            operation.kind()
        }
        Err(refused) => {
            log.answered(&refused.errors);
            return ticket.fail(refused.errors);
        }
    };
    match kind {
        OperationKind::Query => finish(&router.execute(request, context).await, log, ticket),
        OperationKind::Mutation => {
            // A client that leaves must not leave a mutation half done.
            let answered = log.clone();
            let mutation = async move {
                finish(&router.execute(request, context).await, &answered, ticket);
            };
            let done = tokio::spawn(mutation.in_current_span()).await;
            if let Err(panic) = done {
                tracing::error!(%panic, "a mutation panicked");
            }
        }
        OperationKind::Subscription => {
            let (queue, key) = (ticket.queue(), ticket.key());
            let ticket = Arc::new(ticket);
            let watching = state
                .subscriptions
                .watch(
                    &router,
                    request,
                    context,
                    WatchOptions::default(),
                    ticket.clone(),
                )
                .await;
            match watching {
                Ok(watch) => queue.attach_watch(key, watch),
                Err(refused) => {
                    log.answered(&refused.errors);
                    ticket.refuse(refused.errors);
                }
            }
        }
    }
}

fn finish(response: &GraphQLResponse, log: &OperationLog, ticket: OperationHandle) {
    log.answered(&response.errors);
    if response.data.is_none() {
        return ticket.fail(response.errors.clone());
    }
    ticket.push(response.to_bytes());
    ticket.complete();
}
