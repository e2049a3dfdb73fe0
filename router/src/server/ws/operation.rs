//! One operation of a connection, from `subscribe` to its last event.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tracing::Instrument;

use super::close::CloseReason;
use super::queue::Ticket;
use crate::Router;
use crate::prepare::OperationKind;
use crate::request::{GraphQLRequest, RequestContext};
use crate::response::GraphQLResponse;

/// A subscription that has started.
struct Started {
    events: BoxStream<'static, Arc<GraphQLResponse>>,
    ticket: Ticket,
}

/// Runs an operation and queues its events. A subscription's source has `subscribe_timeout` to start.
pub(super) fn run(
    router: Arc<Router>,
    request: GraphQLRequest,
    context: RequestContext,
    subscribe_timeout: Duration,
    ticket: Ticket,
) -> impl Future<Output = ()> + Send + 'static {
    // A subscription spends its life waiting: what it took to start must be gone by then, so it is
    // boxed and not a part of the future that waits.
    let start = Box::pin(start(router, request, context, subscribe_timeout, ticket));
    async move {
        let Some(Started { mut events, ticket }) = start.await else {
            return;
        };
        while let Some(event) = events.next().await {
            ticket.push(event);
        }
        ticket.complete();
    }
}

/// Answers a query or a mutation, or starts a subscription.
async fn start(
    router: Arc<Router>,
    request: GraphQLRequest,
    context: RequestContext,
    subscribe_timeout: Duration,
    ticket: Ticket,
) -> Option<Started> {
    let kind = match router.prepare(&request) {
        Ok(operation) => operation.kind(),
        Err(refused) => {
            ticket.fail(refused.errors);
            return None;
        }
    };
    match kind {
        OperationKind::Query => finish(router.execute(request, context).await, ticket),
        OperationKind::Mutation => {
            // A client that leaves must not leave a mutation half done.
            let mutation = async move { finish(router.execute(request, context).await, ticket) };
            let done = tokio::spawn(mutation.in_current_span()).await;
            if let Err(panic) = done {
                tracing::error!(%panic, "a mutation panicked");
            }
        }
        OperationKind::Subscription => {
            let started = router.subscribe(request, context);
            match tokio::time::timeout(subscribe_timeout, started).await {
                Err(_) => ticket.close(CloseReason::SourceTimeout),
                Ok(Err(refused)) => ticket.fail(refused.errors),
                Ok(Ok(events)) => return Some(Started { events, ticket }),
            }
        }
    }
    None
}

fn finish(response: GraphQLResponse, ticket: Ticket) {
    if response.data.is_none() {
        return ticket.fail(response.errors);
    }
    ticket.push(Arc::new(response));
    ticket.complete();
}
