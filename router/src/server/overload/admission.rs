//! Decides which operations run, wait and are refused. Knows the time only from its caller.

use std::time::{Duration, Instant};

use super::limit::ConcurrencyLimit;
use super::queue::{ClientKey, FairQueue, Ticket};

/// How long the process counts as overloaded after it has refused an operation.
const OVERLOADED: Duration = Duration::from_secs(10);

/// The operations that run and wait, within a limit that follows their durations. A waiter is whatever the caller needs
/// to start it.
#[derive(Debug)]
pub(super) struct AdmissionControl<T> {
    limit: ConcurrencyLimit,
    queue: FairQueue<T>,
    max_wait: Duration,
    max_waiting: usize,
    /// Since when somebody has always been waiting.
    waiting_since: Option<Instant>,
    refused_at: Option<Instant>,
}

/// An operation that has started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    /// Whether so few ran that they did not slow each other down.
    pub(super) is_quiet: bool,
}

/// The outcome of joining the queue.
#[derive(Debug)]
pub(super) enum Joined<T> {
    /// It waits, and others had to leave for it: they are refused.
    Waiting(Ticket, Vec<T>),
    Refused(Vec<T>),
}

impl<T> AdmissionControl<T> {
    pub(super) fn new(limit: ConcurrencyLimit, max_wait: Duration, max_waiting: usize) -> Self {
        Self {
            limit,
            queue: FairQueue::new(),
            max_wait,
            max_waiting,
            waiting_since: None,
            refused_at: None,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.current()
    }

    pub(super) fn running(&self) -> usize {
        self.queue.running()
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Starts an operation of this client, unless it has to wait.
    pub(super) fn start(&mut self, client: ClientKey) -> Option<Started> {
        if self.waiting() > 0 || self.running() >= self.limit() {
            return None;
        }
        self.queue.start(client);
        Some(self.started())
    }

    fn started(&mut self) -> Started {
        let running = self.running();
        self.limit.started(running);
        Started {
            is_quiet: self.limit.is_quiet(running),
        }
    }

    /// Queues an operation that could not start.
    pub(super) fn join(&mut self, client: ClientKey, waiter: T, now: Instant) -> Joined<T> {
        let places = self.places(now);
        let mut displaced = Vec::new();
        while self.waiting() >= places {
            match self.queue.displace_for(client) {
                Some(other) => displaced.push(other),
                None => return Joined::Refused(displaced),
            }
        }
        self.waiting_since = self.waiting_since.or(Some(now));
        Joined::Waiting(self.queue.push(client, waiter), displaced)
    }

    /// How many may wait. A burst has room; once there has been a queue for longer than anybody may wait, those who
    /// join it would only wait in vain, so it is as short as keeps the slots in use.
    fn places(&self, now: Instant) -> usize {
        let since = self.waiting_since;
        let queued = since.map(|since| now.saturating_duration_since(since));
        match queued {
            Some(queued) if queued >= self.max_wait => self.limit(),
            _ => self.max_waiting,
        }
    }

    /// Removes a waiter that has given up, if it still waits.
    pub(super) fn leave(&mut self, client: ClientKey, ticket: Ticket) {
        self.queue.remove(client, ticket);
        self.note_empty();
    }

    /// Notes how long an operation took, and usually takes.
    pub(super) fn finished(&mut self, took: Duration, usual: Option<Duration>, now: Instant) {
        let running = self.running();
        self.limit.finished(took, usual, running, now);
    }

    /// Notes that an operation was not awaited longer than that.
    pub(super) fn abandoned(&mut self, after: Duration, usual: Option<Duration>, now: Instant) {
        let running = self.running();
        self.limit.abandoned(after, usual, running, now);
    }

    /// Ends an operation of this client. Returns the waiters that start now.
    pub(super) fn end(&mut self, client: ClientKey) -> Vec<(ClientKey, T, Started)> {
        self.queue.end(client);
        let mut next = Vec::new();
        while self.running() < self.limit() {
            let Some((client, waiter)) = self.queue.start_next() else {
                break;
            };
            next.push((client, waiter, self.started()));
        }
        self.note_empty();
        next
    }

    fn note_empty(&mut self) {
        if self.waiting() == 0 {
            self.waiting_since = None;
        }
    }

    /// Notes that an operation was refused. Returns whether none had been for a while.
    pub(super) fn refused(&mut self, now: Instant) -> bool {
        let is_first = !self.is_overloaded(now);
        self.refused_at = Some(now);
        is_first
    }

    /// Whether operations have been refused lately.
    pub(super) fn is_overloaded(&self, now: Instant) -> bool {
        self.refused_at
            .is_some_and(|at| now.saturating_duration_since(at) < OVERLOADED)
    }
}

#[cfg(test)]
mod tests;
