//! A subscription's events from a subgraph, until they are read. Bounded: a slow watcher neither fills memory nor
//! delays others on the same connection.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::close_reason::CloseReason;

/// The unread events of a subscription.
#[derive(Debug)]
pub(super) struct EventQueue {
    max_events: usize,
    max_bytes: usize,
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Bytes>,
    end: Option<End>,
}

/// How a subscription ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    Complete,
    /// The subgraph rejected the operation with a list of errors.
    Errors(Bytes),
    Closed(CloseReason),
}

/// The next item of a queue.
#[derive(Debug)]
pub(super) enum Delivery {
    Event(Bytes),
    End(End),
}

impl EventQueue {
    pub(super) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self {
            max_events,
            max_bytes,
            state: Mutex::default(),
            ready: Notify::new(),
        }
    }

    /// Adds an event. If there are too many, only the newest is kept.
    pub(super) fn push(&self, payload: &[u8]) {
        let mut state = self.state();
        let bytes: usize = state.events.iter().map(Bytes::len).sum();
        if state.events.len() >= self.max_events || bytes + payload.len() > self.max_bytes {
            metrics::counter!("router_subscription_events_skipped_total")
                .increment(state.events.len() as u64);
            state.events.clear();
        }
        // Copied: the message is a slice of a larger buffer, which would be kept alive.
        state.events.push_back(Bytes::copy_from_slice(payload));
        drop(state);
        self.ready.notify_one();
    }

    /// Only the first end counts.
    pub(super) fn end(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.ready.notify_one();
    }

    /// Waits for the next item. Must have only one caller.
    pub(super) async fn next(&self) -> Delivery {
        loop {
            let next = {
                let mut state = self.state();
                match state.events.pop_front() {
                    Some(event) => Some(Delivery::Event(event)),
                    None => state.end.clone().map(Delivery::End),
                }
            };
            match next {
                Some(delivery) => return delivery,
                None => self.ready.notified().await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while holding the lock.
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rest(inbox: &EventQueue) -> Vec<Bytes> {
        inbox.end(End::Complete);
        let mut events = Vec::new();
        while let Delivery::Event(event) = inbox.next().await {
            events.push(event);
        }
        events
    }

    #[tokio::test]
    async fn one_who_reads_late_has_the_newest_event_and_never_many() {
        let inbox = EventQueue::new(4, 1000);
        for number in 0..=1000_u32 {
            inbox.push(number.to_string().as_bytes());
        }
        let events = rest(&inbox).await;
        assert!(events.len() <= 4, "{events:?}");
        assert_eq!(events.last().map(|event| &event[..]), Some(&b"1000"[..]));
    }

    #[tokio::test]
    async fn large_events_are_bounded_too() {
        let inbox = EventQueue::new(100, 1000);
        for _ in 0..10 {
            inbox.push(&[b'x'; 400]);
        }
        assert!(rest(&inbox).await.len() <= 2);
    }

    #[tokio::test]
    async fn one_who_keeps_up_misses_nothing() {
        let inbox = EventQueue::new(2, 1000);
        for number in 0..100_u32 {
            inbox.push(number.to_string().as_bytes());
            let next = inbox.next().await;
            assert!(matches!(next, Delivery::Event(event) if event == number.to_string()));
        }
    }
}
