//! An operation's access to the queue of its connection.

use std::sync::Arc;

use bytes::Bytes;

use super::{End, MAX_EVENT_BYTES, Queue, UntilWritten};
use crate::error::{ErrorCode, GraphQLError};
use crate::server::close_reason::CloseReason;
use crate::subscribe::{End as StreamEnd, Event, Watcher};

/// An operation's access to the queue. Dropping it without an end ends the operation with an internal error, so that a
/// panic leaves no client waiting.
#[derive(Debug)]
pub(in crate::server::ws) struct OperationHandle {
    pub(super) queue: Arc<Queue>,
    pub(super) key: u64,
}

impl OperationHandle {
    pub(in crate::server::ws) fn key(&self) -> u64 {
        self.key
    }

    pub(in crate::server::ws) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// Queues the only response, with what is held until it has been written.
    pub(in crate::server::ws) fn answer(&self, answer: Bytes, until_written: UntilWritten) {
        self.queue.change(|state| {
            if let Some(operation) = state.find(self.key) {
                operation.events.push_back(answer);
                operation.until_written = Some(until_written);
            }
        });
    }

    /// Queues a response. If the client is too far behind, it replaces everything unread.
    pub(in crate::server::ws) fn push(&self, event: Bytes) {
        let max = self.queue.max_events;
        self.queue.change(|state| {
            let Some(operation) = state.find(self.key) else {
                return;
            };
            let bytes: usize = operation.events.iter().map(Bytes::len).sum();
            if operation.events.len() >= max || bytes > MAX_EVENT_BYTES {
                metrics::counter!("router_websocket_coalesced_total")
                    .increment(operation.events.len() as u64);
                operation.events.clear();
            }
            operation.events.push_back(event);
        });
    }

    pub(in crate::server::ws) fn complete(self) {
        Self::end(&self, End::Complete);
    }

    pub(in crate::server::ws) fn fail(self, errors: Vec<GraphQLError>) {
        self.refuse(errors);
    }

    /// Like [`Self::fail`], through a shared reference.
    pub(in crate::server::ws) fn refuse(&self, errors: Vec<GraphQLError>) {
        Self::end(self, End::Error(errors));
    }

    /// Closes the whole connection.
    pub(in crate::server::ws) fn close(&self, reason: CloseReason) {
        self.queue.close(reason);
    }

    fn end(&self, end: End) {
        self.queue.change(|state| {
            if let Some(operation) = state.find(self.key) {
                operation.end.get_or_insert(end);
            }
        });
    }
}

impl Watcher for OperationHandle {
    fn event(&self, event: &Arc<Event>) {
        self.push(event.payload.clone());
    }

    fn end(&self, end: &StreamEnd) {
        match end {
            StreamEnd::Complete => Self::end(self, End::Complete),
            StreamEnd::Failed(errors) => Self::end(self, End::Error(errors.to_vec())),
            StreamEnd::SourceTimeout => self.close(CloseReason::SourceTimeout),
            StreamEnd::Disabled(_) => self.close(CloseReason::FeatureDisabled),
        }
    }
}

impl Drop for OperationHandle {
    fn drop(&mut self) {
        Self::end(
            self,
            End::Error(vec![GraphQLError::new(
                ErrorCode::Internal,
                "an internal error happened",
            )]),
        );
    }
}
