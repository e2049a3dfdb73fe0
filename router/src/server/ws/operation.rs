//! One operation of a connection, from `subscribe` to its answer or its stream.

use std::sync::Arc;

use tracing::Instrument;

use super::queue::Ticket;
use crate::prepare::OperationKind;
use crate::request::{GraphQLRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::server::state::ServerState;
use crate::subscribe::Begin;

/// Answers a query or a mutation, or starts to watch a subscription.
pub(super) async fn run(
    state: ServerState,
    request: GraphQLRequest,
    context: RequestContext,
    ticket: Ticket,
) {
    let router = state.router.load_full();
    let kind = match router.prepare(&request).await {
        Ok(operation) => operation.kind(),
        Err(refused) => return ticket.fail(refused.errors),
    };
    match kind {
        OperationKind::Query => finish(&router.execute(request, context).await, ticket),
        OperationKind::Mutation => {
            // A client that leaves must not leave a mutation half done.
            let mutation = async move { finish(&router.execute(request, context).await, ticket) };
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
                .watch(&router, request, context, Begin::default(), ticket.clone())
                .await;
            match watching {
                Ok(watch) => queue.keep(key, watch),
                Err(refused) => ticket.refuse(refused.errors),
            }
        }
    }
}

fn finish(response: &GraphQLResponse, ticket: Ticket) {
    if response.data.is_none() {
        return ticket.fail(response.errors.clone());
    }
    ticket.push(response.to_bytes());
    ticket.complete();
}
