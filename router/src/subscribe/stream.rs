//! One execution of a subscription, with its watchers.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::task::AbortHandle;

use super::{Event, EventId, WatchOptions, Watcher};
use crate::router::Key;

/// Maximum number of events buffered for a watcher that is about to join.
const MAX_HELD: usize = 64;

/// A stream of events in order of arrival. Lock order: the hub's lock, then this, then the watchers'.
pub(super) struct Stream {
    id: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The key under which others find it; `None` if they may not.
    key: Option<Key>,
    members: Vec<Member>,
    last_member: u64,
    /// How many events there have been.
    number: u64,
    sequence: Option<i64>,
    /// The newest events, if watchers may return for them.
    log: Option<Box<Log>>,
    driver: Option<AbortHandle>,
    closed: bool,
}

struct Log {
    max: usize,
    events: VecDeque<Arc<Event>>,
    /// The first event whose successors are all here.
    since: u64,
}

struct Member {
    id: u64,
    watcher: Arc<dyn Watcher>,
    /// The source's number up to which it has seen events.
    after: Option<i64>,
    /// Set until it joins from the stream that delivers its snapshot.
    waiting: Option<Box<PendingJoin>>,
}

/// What happened since a watcher asked to join.
struct PendingJoin {
    /// The stream's last sequence at that time.
    since: i64,
    held: Vec<Arc<Event>>,
    lost: bool,
}

/// The result of an attempt to join.
pub(super) enum JoinOutcome {
    /// It is watching, as this member.
    Joined(u64),
    /// It can join as this member once it has its own snapshot.
    Waiting(u64),
    /// This stream cannot provide what a new one would.
    Apart,
    Ended,
}

/// Who remains after a watcher has left.
#[derive(PartialEq, Eq)]
pub(super) enum Remaining {
    Nobody,
    Others,
}

impl Stream {
    pub(super) fn new(key: Option<Key>) -> Self {
        Self {
            id: rand::random(),
            state: Mutex::new(State {
                key,
                ..State::default()
            }),
        }
    }

    /// Adds the watcher the stream was opened for, which wants the events after this sequence.
    pub(super) fn first(&self, watcher: Arc<dyn Watcher>, after: Option<i64>) -> u64 {
        self.state().add(watcher, after)
    }

    /// Starts keeping events for returning watchers.
    pub(super) fn retain_events(&self, max: usize) {
        self.state().retain_events(max);
    }

    pub(super) fn retains_events(&self) -> bool {
        self.state().log.is_some()
    }

    /// Whether it has not ended.
    pub(super) fn is_open(&self) -> bool {
        !self.state().closed
    }

    /// Sets the task that drives it.
    pub(super) fn driven_by(&self, driver: AbortHandle) {
        let mut state = self.state();
        if state.closed {
            driver.abort();
        } else {
            state.driver = Some(driver);
        }
    }

    /// Like [`Self::join`], but only if this stream has everything the watcher missed.
    pub(super) fn rejoin(
        &self,
        watcher: &Arc<dyn Watcher>,
        begin: WatchOptions,
        log: usize,
    ) -> Option<u64> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.rejoin(self.id, watcher, begin, log)
    }

    pub(super) fn join(
        &self,
        watcher: &Arc<dyn Watcher>,
        begin: WatchOptions,
        log: usize,
    ) -> JoinOutcome {
        let mut state = self.state();
        if state.closed {
            return JoinOutcome::Ended;
        }
        if let Some(member) = state.rejoin(self.id, watcher, begin, log) {
            return JoinOutcome::Joined(member);
        }
        let after = begin.after.and_then(|id| id.sequence);
        let Some(since) = state.sequence else {
            return JoinOutcome::Apart;
        };
        if begin.resumable {
            state.retain_events(log);
        }
        let member = state.add(Arc::clone(watcher), after);
        if let Some(member) = state.members.last_mut() {
            member.waiting = Some(Box::new(PendingJoin {
                since,
                held: Vec::new(),
                lost: false,
            }));
        }
        JoinOutcome::Waiting(member)
    }

    /// The waiting watcher has received a snapshot with this sequence: it now gets what was buffered since. `false` if
    /// it has to stay where it is, because this stream has ended or differs.
    pub(super) fn activate(&self, id: u64, sequence: i64) -> bool {
        let mut state = self.state();
        let Some(at) = state.members.iter().position(|member| member.id == id) else {
            return false;
        };
        let member = &mut state.members[at];
        let Some(waiting) = member.waiting.take() else {
            return false;
        };
        if waiting.lost || waiting.since > sequence {
            state.members.remove(at);
            return false;
        }
        member.after = member.after.max(Some(sequence));
        for event in &waiting.held {
            member.deliver(event);
        }
        true
    }

    /// Sends everybody the next event, except those that already have its number.
    pub(super) fn broadcast(&self, sequence: Option<i64>, payload: Bytes) {
        let mut state = self.state();
        state.number += 1;
        state.sequence = sequence.or(state.sequence);
        let event = Arc::new(Event {
            id: EventId {
                stream: self.id,
                number: state.number,
                // The watcher's position, even after an event without a number.
                sequence: state.sequence,
            },
            payload,
        });
        for member in &mut state.members {
            match &mut member.waiting {
                None => member.deliver(&event),
                Some(waiting) if waiting.held.len() < MAX_HELD => {
                    waiting.held.push(Arc::clone(&event));
                }
                Some(waiting) => waiting.lost = true,
            }
        }
        if let Some(log) = &mut state.log {
            log.push(event);
        }
    }

    /// The source's number of the newest event.
    pub(super) fn sequence(&self) -> Option<i64> {
        self.state().sequence
    }

    pub(super) fn leave(&self, id: u64) -> Remaining {
        let mut state = self.state();
        let at = state.members.iter().position(|member| member.id == id);
        let member = at.map(|at| state.members.swap_remove(at));
        let left = if state.members.is_empty() && !state.closed {
            Remaining::Nobody
        } else {
            Remaining::Others
        };
        drop(state);
        drop(member);
        left
    }

    /// Closes it unless it has watchers; returns what has to be cleaned up.
    pub(super) fn close_if_empty(&self) -> Option<(Option<Key>, Option<AbortHandle>)> {
        let mut state = self.state();
        if state.closed || !state.members.is_empty() {
            return None;
        }
        state.closed = true;
        Some((state.key.take(), state.driver.take()))
    }

    /// Closes it; returns the watchers to notify.
    pub(super) fn close(&self) -> (Option<Key>, Vec<Arc<dyn Watcher>>) {
        let mut state = self.state();
        state.closed = true;
        let members = std::mem::take(&mut state.members);
        let key = state.key.take();
        // A handle retains the memory of a finished task.
        state.driver = None;
        drop(state);
        // Waiting ones are notified by the stream they come from.
        let watchers = members
            .into_iter()
            .filter(|member| member.waiting.is_none())
            .map(|member| member.watcher)
            .collect();
        (key, watchers)
    }

    /// Replaces the key and returns the old one.
    pub(super) fn rename(&self, key: Option<Key>) -> Option<Key> {
        std::mem::replace(&mut self.state().key, key)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A watcher that panics does not affect the members.
        self.state.lock()
    }
}

impl State {
    fn add(&mut self, watcher: Arc<dyn Watcher>, after: Option<i64>) -> u64 {
        self.last_member += 1;
        // Many streams have one watcher: a vector with room for four would cost every one of them.
        if self.members.is_empty() {
            self.members.reserve_exact(1);
        }
        self.members.push(Member {
            id: self.last_member,
            watcher,
            after,
            waiting: None,
        });
        self.last_member
    }

    /// Adds a watcher that need not wait, after sending it what it missed.
    fn rejoin(
        &mut self,
        id: u64,
        watcher: &Arc<dyn Watcher>,
        begin: WatchOptions,
        log: usize,
    ) -> Option<u64> {
        let after = begin.after.and_then(|id| id.sequence);
        let after = if let Some(missed) = begin.after.and_then(|event| self.events_after(id, event))
        {
            for event in &missed {
                watcher.event(event);
            }
            self.sequence
        } else if self.number == 0 || (after.is_some() && after == self.sequence) {
            after
        } else {
            return None;
        };
        if begin.resumable {
            self.retain_events(log);
        }
        Some(self.add(Arc::clone(watcher), after))
    }

    fn retain_events(&mut self, max: usize) {
        let since = self.number;
        self.log.get_or_insert_with(|| {
            Box::new(Log {
                max,
                events: VecDeque::new(),
                since,
            })
        });
    }

    /// The events after one of this stream; `None` if they are no longer known.
    fn events_after(&self, stream: u64, id: EventId) -> Option<Vec<Arc<Event>>> {
        let log = self.log.as_ref()?;
        let known = id.stream == stream && (log.since..=self.number).contains(&id.number);
        known.then(|| {
            let later = log.events.iter();
            let later = later.filter(|event| event.id.number > id.number);
            later.cloned().collect()
        })
    }
}

impl Member {
    fn deliver(&self, event: &Arc<Event>) {
        let repeated = match (self.after, event.id.sequence) {
            (Some(after), Some(sequence)) => sequence <= after,
            _ => false,
        };
        if !repeated {
            self.watcher.event(event);
        }
    }
}

impl Log {
    fn push(&mut self, event: Arc<Event>) {
        while self.events.len() >= self.max.max(1)
            && let Some(oldest) = self.events.pop_front()
        {
            self.since = oldest.id.number;
        }
        self.events.push_back(event);
    }
}
