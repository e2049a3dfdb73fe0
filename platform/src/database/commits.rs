//! What this process learns of commits: that something was written, to which queues, and which events.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::connection::Request;
use crate::bus::Event;
use crate::tables::queue::Queue;

/// Events kept for whoever is slow to hear of them.
const EVENTS: usize = 256;

/// What a transaction has written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    is_any: bool,
    queues: [bool; Queue::ALL.len()],
}

impl Written {
    /// Notes a statement of the transaction.
    pub(super) fn note(&mut self, request: &impl Request) {
        if request.is_read_only() {
            return;
        }
        self.is_any = true;
        if let Some(queue) = Queue::changed_by(request.sql()) {
            self.queues[queue as usize] = true;
        }
    }

    /// Whether anything was written.
    pub(super) const fn is_any(self) -> bool {
        self.is_any
    }

    /// The queues that may have work.
    pub(super) fn queues(self) -> impl Iterator<Item = Queue> {
        let changed = move |queue: &Queue| self.queues[*queue as usize];
        Queue::ALL.into_iter().filter(changed)
    }
}

/// Counts commits, for those who wait for the next.
#[derive(Debug)]
pub(super) struct Commits {
    all: watch::Sender<u64>,
    queues: [watch::Sender<u64>; Queue::ALL.len()],
    events: broadcast::Sender<Arc<Event>>,
}

impl Default for Commits {
    fn default() -> Self {
        Self {
            all: watch::Sender::default(),
            queues: Default::default(),
            events: broadcast::Sender::new(EVENTS),
        }
    }
}

impl Commits {
    /// Changes with every commit in this process.
    pub(super) fn all(&self) -> watch::Receiver<u64> {
        self.all.subscribe()
    }

    /// Changes when there may be work in the queue, by whichever process.
    pub(super) fn of_queue(&self, queue: Queue) -> watch::Receiver<u64> {
        self.queues[queue as usize].subscribe()
    }

    /// The events of transactions that are committed from now on.
    pub(super) fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Whether anybody hears of events.
    pub(super) fn has_listeners(&self) -> bool {
        self.events.receiver_count() > 0
    }

    /// Publishes the events of a transaction that was committed to listeners in this process.
    pub(super) fn publish_events(&self, events: Vec<Arc<Event>>) {
        for event in events {
            // Fails if nobody listens any more.
            let _ = self.events.send(event);
        }
    }

    /// Whether a worker of this process waits for the queue.
    pub(super) fn is_awaited(&self, queue: Queue) -> bool {
        self.queues[queue as usize].receiver_count() > 0
    }

    /// Announces a commit in this process when the result is dropped: also if nobody waits for the commit any more, since
    /// it was made.
    pub(super) const fn notice(&self, written: Written) -> CommitNotice<'_> {
        CommitNotice {
            commits: self,
            written,
        }
    }

    /// Wakes the workers of the queue.
    pub(super) fn wake(&self, queue: Queue) {
        count(&self.queues[queue as usize]);
    }

    /// Wakes the workers of every queue.
    pub(super) fn wake_all(&self) {
        self.queues.iter().for_each(count);
    }
}

/// A commit to announce.
pub(super) struct CommitNotice<'a> {
    commits: &'a Commits,
    written: Written,
}

impl Drop for CommitNotice<'_> {
    fn drop(&mut self) {
        if self.written.is_any() {
            count(&self.commits.all);
            let queues = self.written.queues();
            queues.for_each(|queue| self.commits.wake(queue));
        }
    }
}

fn count(commits: &watch::Sender<u64>) {
    commits.send_modify(|count| *count = count.wrapping_add(1));
}
