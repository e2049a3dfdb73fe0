//! One operation of a connection, from `subscribe` to its response or stream.

use std::sync::Arc;
use std::time::Instant;

use platform::telemetry::access_log::log_operation;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use super::SUBPROTOCOL;
use super::queue::OperationHandle;
use crate::prepare::OperationKind;
use crate::request::{GraphQLRequest, PreparedRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::server::documents;
use crate::server::execution;
use crate::server::operation_log::OperationLog;
use crate::server::overload::Permit;
use crate::server::refusal::Refusal;
use crate::server::state::ServerState;
use crate::server::unsent::Unsent;
use crate::subscribe::WatchOptions;

/// Executes a query or mutation, or starts watching a subscription.
pub(super) async fn run(
    state: ServerState,
    request: GraphQLRequest,
    context: RequestContext,
    log: OperationLog,
    unsent: Unsent,
    ticket: OperationHandle,
) {
    let started = Instant::now();
    run_logged(&state, request, context, &log, unsent, ticket).await;
    log_operation(SUBPROTOCOL, &log.finish(&state.known_pairs), started);
}

async fn run_logged(
    state: &ServerState,
    mut request: GraphQLRequest,
    context: RequestContext,
    log: &OperationLog,
    unsent: Unsent,
    ticket: OperationHandle,
) {
    let router = state.router.load_full();
    let prepared = documents::prepare(state, &router, &mut request, &context, log).await;
    let operation = match prepared {
        Ok(prepared) => prepared.operation,
        Err(refused) => {
            let errors = refused.into_errors();
            log.answered(&errors);
            return ticket.fail(errors);
        }
    };
    log.prepared(&operation);
    let kind = operation.kind();
    let request = PreparedRequest {
        operation,
        variables: request.variables,
        context,
    };
    match kind {
        OperationKind::Query | OperationKind::Mutation => {
            let running = ticket.queue().run().await;
            let (Some(running), true) = (running, unsent.has_room()) else {
                return refuse(log, ticket, Refusal::unread());
            };
            let permit = match admit(state, &request.context).await {
                Ok(permit) => permit,
                Err(refusal) => return refuse(log, ticket, refusal),
            };
            let log = log.clone();
            let execution = async move {
                let answer = execution::run(&router, request, permit).await;
                finish(kind, &answer, &log, ticket, running, &unsent);
            };
            if kind == OperationKind::Query {
                return execution.await;
            }
            // A mutation continues even if its client disconnects.
            let done = tokio::spawn(execution.in_current_span()).await;
            if let Err(panic) = done {
                tracing::error!(%panic, "a mutation panicked");
            }
        }
        OperationKind::Subscription => {
            // Until it has started: its events are not limited.
            let permit = match admit(state, &request.context).await {
                Ok(permit) => permit,
                Err(refusal) => return refuse(log, ticket, refusal),
            };
            let (queue, key) = (ticket.queue(), ticket.key());
            let ticket = Arc::new(ticket);
            let (operation, starting) = (Arc::clone(&request.operation), Instant::now());
            let watching = state
                .subscriptions
                .watch(&router, request, WatchOptions::default(), ticket.clone())
                .await;
            match watching {
                Ok(watch) => {
                    permit.finish(&operation, starting.elapsed());
                    queue.attach_watch(key, watch);
                }
                Err(refused) => {
                    log.answered(&refused.errors);
                    ticket.refuse(refused.errors);
                }
            }
        }
    }
}

fn finish(
    kind: OperationKind,
    response: &GraphQLResponse,
    log: &OperationLog,
    ticket: OperationHandle,
    running: OwnedSemaphorePermit,
    unsent: &Unsent,
) {
    log.answered(&response.errors);
    if response.data.is_none() {
        return ticket.fail(response.errors.clone());
    }
    let answer = response.to_bytes();
    let Some(held) = unsent.hold(kind, answer.len()) else {
        return refuse(log, ticket, Refusal::unread());
    };
    ticket.answer(answer, (running, held));
    ticket.complete();
}

/// Waits until an operation may run.
async fn admit(state: &ServerState, context: &RequestContext) -> Result<Permit, Refusal> {
    let caller = &context.caller;
    let subject = caller.subject.as_deref();
    let admitted = state.overload.admit(&context.client, subject, caller.ip);
    admitted.await
}

fn refuse(log: &OperationLog, ticket: OperationHandle, refusal: Refusal) {
    log.refused(refusal.code());
    ticket.fail(vec![refusal.into_error()]);
}
