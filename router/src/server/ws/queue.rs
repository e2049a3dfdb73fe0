//! The messages waiting for one client, bounded however slowly it reads: an operation that runs ahead keeps only its
//! newest event, and the last event is never lost.

mod handle;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

pub(super) use self::handle::OperationHandle;
use super::connection::Outbox;
use super::protocol;
use crate::error::{ErrorCode, GraphQLError};
use crate::server::close_reason::CloseReason;
use crate::server::unsent::Held;
use crate::subscribe::Watch;

/// An operation's unread bytes before only the newest event is kept.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// A connection's operations with their unsent events.
#[derive(Debug)]
pub(super) struct Queue {
    max_operations: AtomicUsize,
    /// Permits to execute: little is executed for a client that does not read.
    running: Arc<Semaphore>,
    max_events: usize,
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    acknowledge: bool,
    ping: bool,
    /// Only the newest: the protocol requires no more.
    pong: Option<String>,
    close: Option<CloseReason>,
    operations: Vec<Operation>,
    /// Round-robin position, so that no operation starves the others.
    turn: usize,
    last_key: u64,
}

#[derive(Debug)]
struct Operation {
    /// Unlike the client's id, never reused.
    key: u64,
    id: Arc<str>,
    /// Responses as JSON.
    events: VecDeque<Bytes>,
    /// Released when the response has been written.
    until_written: Option<UntilWritten>,
    end: Option<End>,
    running: Running,
}

/// What produces an operation's events. It must not be dropped while the queue is locked: dropping may take the lock of
/// a stream, which is held while its events are queued.
#[derive(Debug)]
enum Running {
    Nothing,
    Task(AbortHandle),
    Watching(#[expect(dead_code, reason = "held for its Drop")] Watch),
}

/// How an operation ended.
#[derive(Debug)]
enum End {
    Complete,
    Error(Vec<GraphQLError>),
}

/// The permit to execute, and the response's counted bytes.
pub(super) type UntilWritten = (OwnedSemaphorePermit, Held);

/// What to write next.
#[derive(Debug)]
pub(super) enum Outgoing {
    Text(Vec<u8>, Option<UntilWritten>),
    Ping,
    Close(CloseReason),
}

impl Queue {
    pub(super) fn new(max_operations: usize, max_running: usize, max_events: usize) -> Self {
        Self {
            max_operations: AtomicUsize::new(max_operations),
            running: Arc::new(Semaphore::new(max_running)),
            max_events,
            state: Mutex::default(),
            ready: Notify::new(),
        }
    }

    pub(super) fn acknowledge(&self) {
        self.change(|state| state.acknowledge = true);
    }

    pub(super) fn pong(&self, message: String) {
        self.change(|state| state.pong = Some(message));
    }

    /// Requests that the connection be closed before anything else is written.
    pub(super) fn close(&self, reason: CloseReason) {
        self.change(|state| state.close = Some(reason));
    }

    /// Registers a new operation; `None` if there are too many: then the client gets an error.
    ///
    /// # Errors
    /// Why the connection must be closed: the id is in use, or the client keeps starting operations without reading
    /// that there are too many.
    pub(super) fn open(
        self: &Arc<Self>,
        id: String,
    ) -> Result<Option<OperationHandle>, CloseReason> {
        let mut state = self.state();
        if state
            .operations
            .iter()
            .any(|operation| *operation.id == *id)
        {
            return Err(CloseReason::DuplicateOperation);
        }
        let open = state.operations.len();
        let max = self.max_operations.load(Ordering::Relaxed);
        if open >= 2 * max {
            return Err(CloseReason::TooManyOperations);
        }
        let refused = (open >= max).then(|| {
            End::Error(vec![GraphQLError::new(
                ErrorCode::RateLimited,
                format!("at most {max} operations may be open on a connection"),
            )])
        });
        state.last_key += 1;
        let key = state.last_key;
        let accepted = refused.is_none();
        // Most connections have one operation: a vector with room for four would cost every one of them.
        if state.operations.is_empty() {
            state.operations.reserve_exact(1);
        }
        state.operations.push(Operation {
            key,
            id: id.into(),
            events: VecDeque::new(),
            until_written: None,
            end: refused,
            running: Running::Nothing,
        });
        drop(state);
        if accepted {
            let queue = self.clone();
            Ok(Some(OperationHandle { queue, key }))
        } else {
            self.ready.notify_one();
            Ok(None)
        }
    }

    /// Changes the maximum number of operations.
    pub(super) fn limit_operations(&self, max_operations: usize) {
        self.max_operations
            .fetch_min(max_operations, Ordering::Relaxed);
    }

    /// Remembers an operation's task, to abort it with the operation.
    pub(super) fn attach(&self, key: u64, task: AbortHandle) {
        let mut state = self.state();
        match state.find(key) {
            // It may already have its stream.
            Some(operation) if matches!(operation.running, Running::Nothing) => {
                operation.running = Running::Task(task);
            }
            Some(_) => {}
            // It has already ended.
            None => task.abort(),
        }
    }

    /// Remembers the stream that an operation watches, to leave it with the operation.
    pub(super) fn attach_watch(&self, key: u64, watch: Watch) {
        let mut state = self.state();
        if let Some(operation) = state.find(key) {
            operation.running = Running::Watching(watch);
            return;
        }
        drop(state);
        drop(watch);
    }

    /// Waits for a permit to execute.
    pub(super) async fn run(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.running).acquire_owned().await.ok()
    }

    /// Removes an operation that the client has completed, with its unread messages.
    pub(super) fn cancel(&self, id: &str) {
        let mut state = self.state();
        let at = state
            .operations
            .iter()
            .position(|operation| *operation.id == *id);
        let cancelled = at.map(|at| state.operations.remove(at));
        drop(state);
        if let Some(operation) = cancelled {
            operation.stop();
        }
    }

    /// Stops every operation at the end of the connection.
    pub(super) fn stop(&self) {
        let operations = std::mem::take(&mut self.state().operations);
        operations.into_iter().for_each(Operation::stop);
    }

    fn next_ready(&self) -> Option<Outgoing> {
        let mut state = self.state();
        if let Some(reason) = state.close.take() {
            return Some(Outgoing::Close(reason));
        }
        if std::mem::take(&mut state.ping) {
            return Some(Outgoing::Ping);
        }
        if std::mem::take(&mut state.acknowledge) {
            return Some(Outgoing::Text(protocol::CONNECTION_ACK.into(), None));
        }
        if let Some(pong) = state.pong.take() {
            return Some(Outgoing::Text(pong.into_bytes(), None));
        }
        let count = state.operations.len();
        let start = state.turn;
        let at = (0..count)
            .map(|step| (start + step) % count)
            .find(|&at| state.operations[at].has_something())?;
        state.turn = at + 1;
        let operation = &mut state.operations[at];
        let id = operation.id.clone();
        if let Some(event) = operation.events.pop_front() {
            if operation.events.is_empty() {
                // Most operations are idle for long, and need no buffer.
                operation.events = VecDeque::new();
            }
            let until_written = operation.until_written.take();
            drop(state);
            return Some(Outgoing::Text(protocol::next(&id, &event), until_written));
        }
        let operation = state.operations.remove(at);
        drop(state);
        let end = match operation.end {
            Some(End::Error(errors)) => protocol::error(&id, &errors),
            Some(End::Complete) | None => protocol::complete(&id),
        };
        Some(Outgoing::Text(end, None))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.ready.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while holding the lock.
        self.state.lock()
    }
}

impl Outbox for Queue {
    async fn next(&self) -> Outgoing {
        loop {
            if let Some(outgoing) = self.next_ready() {
                return outgoing;
            }
            self.ready.notified().await;
        }
    }

    fn ping(&self) {
        self.change(|state| state.ping = true);
    }
}

impl State {
    fn find(&mut self, key: u64) -> Option<&mut Operation> {
        self.operations
            .iter_mut()
            .find(|operation| operation.key == key)
    }
}

impl Operation {
    fn has_something(&self) -> bool {
        !self.events.is_empty() || self.end.is_some()
    }

    fn stop(self) {
        if let Running::Task(task) = self.running {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests;
