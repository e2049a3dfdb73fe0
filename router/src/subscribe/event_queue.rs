//! A watcher's unread events, bounded however slowly it reads: one that is too far behind only gets the newest event,
//! and never misses the last.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::{End, Event, Watcher};

/// A watcher's unread events.
#[derive(Debug)]
pub(crate) struct EventQueue {
    max_events: usize,
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Arc<Event>>,
    end: Option<End>,
}

/// The next item of a queue.
#[derive(Debug)]
pub(crate) enum Delivery {
    Event(Arc<Event>),
    End(End),
}

impl EventQueue {
    pub(crate) fn new(max_events: usize) -> Self {
        Self {
            max_events,
            state: Mutex::default(),
            ready: Notify::new(),
        }
    }

    /// Waits for the next item. Must have only one caller.
    pub(crate) async fn next(&self) -> Delivery {
        loop {
            if let Some(delivery) = self.pop() {
                return delivery;
            }
            self.ready.notified().await;
        }
    }

    fn pop(&self) -> Option<Delivery> {
        let mut state = self.state();
        match state.events.pop_front() {
            Some(event) => Some(Delivery::Event(event)),
            None => state.end.take().map(Delivery::End),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while holding the lock.
        self.state.lock()
    }
}

impl Watcher for EventQueue {
    fn event(&self, event: &Arc<Event>) {
        let mut state = self.state();
        if state.events.len() >= self.max_events {
            metrics::counter!("router_stream_coalesced_total").increment(state.events.len() as u64);
            state.events.clear();
        }
        state.events.push_back(Arc::clone(event));
        drop(state);
        self.ready.notify_one();
    }

    fn end(&self, end: &End) {
        self.state().end.get_or_insert(end.clone());
        self.ready.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::super::EventId;
    use super::*;

    fn event(number: u64) -> Arc<Event> {
        Arc::new(Event {
            id: EventId {
                stream: 1,
                number,
                sequence: None,
            },
            payload: "{}".into(),
        })
    }

    #[tokio::test]
    async fn one_who_is_far_behind_gets_the_newest_and_the_end() {
        let queue = EventQueue::new(4);
        for number in 1..=1001 {
            queue.event(&event(number));
        }
        queue.end(&End::Complete);
        let mut numbers = Vec::new();
        while let Delivery::Event(event) = queue.next().await {
            numbers.push(event.id.number);
        }
        assert!(numbers.len() <= 4, "{numbers:?}");
        assert_eq!(numbers.last(), Some(&1001));
    }

    #[tokio::test]
    async fn one_who_keeps_up_misses_nothing() {
        let queue = EventQueue::new(2);
        for number in 1..100 {
            queue.event(&event(number));
            assert!(
                matches!(queue.next().await, Delivery::Event(event) if event.id.number == number)
            );
        }
    }
}
