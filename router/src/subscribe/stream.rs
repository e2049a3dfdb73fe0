//! One execution of a subscription and those who watch it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::task::AbortHandle;

use super::key::Key;
use super::{Event, EventId, WatchOptions, Watcher};

/// How many events are held back for a watcher that is about to come over.
const MAX_HELD: usize = 64;

/// A stream of events, in the order they came. Its lock is taken after the hub's, and before those that
/// watchers take.
pub(super) struct Stream {
    id: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Under which key others find it; `None` if they may not.
    key: Option<Key>,
    members: Vec<Member>,
    last_member: u64,
    /// How many events there were.
    number: u64,
    sequence: Option<i64>,
    /// The newest events, if somebody may come back for them.
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
    /// It has had what the source numbers up to here.
    after: Option<i64>,
    /// Set until it comes over from the stream that brings its snapshot.
    waiting: Option<Box<PendingJoin>>,
}

/// What happened since a watcher asked to come over.
struct PendingJoin {
    /// The stream's last sequence at that time.
    since: i64,
    held: Vec<Arc<Event>>,
    lost: bool,
}

/// What became of an attempt to join.
pub(super) enum JoinOutcome {
    /// It is watching, as this member.
    Joined(u64),
    /// It can come over as this member, once it has a snapshot of its own.
    Waiting(u64),
    /// This stream cannot give it what a new one would.
    Apart,
    Ended,
}

/// Who remains after somebody has left.
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

    /// The watcher it was opened for; it wants what comes after this sequence.
    pub(super) fn first(&self, watcher: Arc<dyn Watcher>, after: Option<i64>) -> u64 {
        self.state().add(watcher, after)
    }

    /// Starts to keep events for those who come back.
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

    /// The task that fills it.
    pub(super) fn driven_by(&self, driver: AbortHandle) {
        let mut state = self.state();
        if state.closed {
            driver.abort();
        } else {
            state.driver = Some(driver);
        }
    }

    /// Like [`Self::join`], but only if this stream has all that the watcher has missed.
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

    /// The watcher that waits has had a snapshot with this sequence: what was held back since goes to it
    /// now. `false` if it has to stay where it is, because this stream has ended or is not the same.
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

    /// Tells everybody the next event, unless its number says that they have had it.
    pub(super) fn broadcast(&self, sequence: Option<i64>, payload: Bytes) {
        let mut state = self.state();
        state.number += 1;
        state.sequence = sequence.or(state.sequence);
        let event = Arc::new(Event {
            id: EventId {
                stream: self.id,
                number: state.number,
                // What the watcher has had, also after an event that has no number itself.
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

    /// Closes it unless somebody watches; gives what has to be cleaned up.
    pub(super) fn close_if_empty(&self) -> Option<(Option<Key>, Option<AbortHandle>)> {
        let mut state = self.state();
        if state.closed || !state.members.is_empty() {
            return None;
        }
        state.closed = true;
        Some((state.key.take(), state.driver.take()))
    }

    /// Closes it; gives the watchers that have to be told.
    pub(super) fn close(&self) -> (Option<Key>, Vec<Arc<dyn Watcher>>) {
        let mut state = self.state();
        state.closed = true;
        let members = std::mem::take(&mut state.members);
        let key = state.key.take();
        // A handle keeps the memory of a task that has ended.
        state.driver = None;
        drop(state);
        // Those that wait are told by the stream they come from.
        let watchers = members
            .into_iter()
            .filter(|member| member.waiting.is_none())
            .map(|member| member.watcher)
            .collect();
        (key, watchers)
    }

    /// Changes the key; gives the old one.
    pub(super) fn rename(&self, key: Option<Key>) -> Option<Key> {
        std::mem::replace(&mut self.state().key, key)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A watcher that panics leaves the members as they were.
        self.state.lock()
    }
}

impl State {
    fn add(&mut self, watcher: Arc<dyn Watcher>, after: Option<i64>) -> u64 {
        self.last_member += 1;
        // Many streams have one: a vector that makes room for four would cost every one of them.
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

    /// Adds a watcher who need not wait, after telling it what it has missed.
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

    /// What came after an event of this stream; `None` if that is not known any more.
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
