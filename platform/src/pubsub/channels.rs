//! The channels that this process listens to. A channel is there while it has a subscriber.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::Signal;

/// Messages a subscriber may lag behind before it gets a [`Signal::Gap`] instead: a gap costs a read and loses
/// nothing.
const QUEUE: usize = 16;

type Notice = dyn Fn(&Arc<str>) + Send + Sync;

/// All channels with a subscriber in this process.
pub(super) struct Channels {
    open: Mutex<HashMap<Arc<str>, Channel>>,
    /// Whether a new channel is heard from the start, without a server's confirmation.
    heard_at_once: bool,
    /// Called with the name of a channel that opened or closed.
    notice: Box<Notice>,
}

#[derive(Debug)]
struct Channel {
    subscribers: Vec<Arc<Inbox>>,
    heard: Arc<Heard>,
    /// Whether it has been heard since it opened; then hearing it again means there was a gap.
    was_heard: bool,
}

/// What a subscriber has not heard yet. Most have nothing, and there are very many of them: a broadcast channel
/// would reserve room for each.
#[derive(Debug, Default)]
struct Inbox {
    unread: Mutex<VecDeque<Signal>>,
    waker: AtomicWaker,
}

impl Inbox {
    fn push(&self, signal: Signal) {
        let mut unread = self.unread();
        if unread.len() >= QUEUE {
            unread.clear();
            unread.push_back(Signal::Gap);
        }
        unread.push_back(signal);
        drop(unread);
        self.waker.wake();
    }

    fn pop(&self) -> Option<Signal> {
        let mut unread = self.unread();
        let signal = unread.pop_front();
        if unread.is_empty() {
            *unread = VecDeque::new();
        }
        signal
    }

    fn unread(&self) -> MutexGuard<'_, VecDeque<Signal>> {
        self.unread.lock()
    }
}

/// Whether the server has confirmed a channel. There are as many as channels; a `watch` would take several
/// times the room.
#[derive(Debug)]
pub(super) struct Heard {
    is: AtomicBool,
    changed: Notify,
}

impl Heard {
    /// Resolves once it has.
    pub(super) async fn confirmed(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }

    fn set(&self, is: bool) {
        self.is.store(is, Ordering::Release);
        self.changed.notify_waiters();
    }
}

impl Channels {
    pub(super) fn new(
        heard_at_once: bool,
        notice: impl Fn(&Arc<str>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            heard_at_once,
            notice: Box::new(notice),
        })
    }

    /// A new subscriber, and a way to wait until the channel is heard.
    pub(super) fn join(self: &Arc<Self>, name: &str) -> (Member, Arc<Heard>) {
        let name: Arc<str> = name.into();
        let mut opened = false;
        let inbox = Arc::new(Inbox::default());
        let heard = {
            let mut open = self.lock();
            let channel = open.entry(name.clone()).or_insert_with(|| {
                opened = true;
                Channel {
                    subscribers: Vec::with_capacity(1),
                    heard: Arc::new(Heard {
                        is: self.heard_at_once.into(),
                        changed: Notify::new(),
                    }),
                    was_heard: self.heard_at_once,
                }
            });
            channel.subscribers.push(inbox.clone());
            channel.heard.clone()
        };
        if opened {
            (self.notice)(&name);
        }
        let member = Member {
            inbox,
            name,
            channels: self.clone(),
        };
        (member, heard)
    }

    /// Gives the signal to the channel's subscribers, if there are any.
    pub(super) fn send(&self, name: &str, signal: &Signal) {
        if let Some(channel) = self.lock().get(name) {
            channel.send(signal);
        }
    }

    pub(super) fn is_open(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.lock().keys().cloned().collect()
    }

    /// The server has confirmed the channel. Who was subscribed before the connection was lost
    /// learns that there was a gap.
    pub(super) fn now_heard(&self, name: &str) {
        if let Some(channel) = self.lock().get_mut(name) {
            channel.heard.set(true);
            if std::mem::replace(&mut channel.was_heard, true) {
                channel.send(&Signal::Gap);
            }
        }
    }

    /// The connection is lost: new subscribers wait for the next one.
    pub(super) fn none_heard(&self) {
        for channel in self.lock().values() {
            channel.heard.set(false);
        }
    }

    fn leave(&self, name: &Arc<str>, inbox: &Arc<Inbox>) {
        let closed = match self.lock().entry(name.clone()) {
            Entry::Occupied(mut entry) => {
                let subscribers = &mut entry.get_mut().subscribers;
                subscribers.retain(|subscriber| !Arc::ptr_eq(subscriber, inbox));
                let is_last = subscribers.is_empty();
                if is_last {
                    entry.remove();
                }
                is_last
            }
            Entry::Vacant(_) => false,
        };
        if closed {
            (self.notice)(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Channel>> {
        self.open.lock()
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("open", &self.lock().len())
            .finish_non_exhaustive()
    }
}

impl Channel {
    fn send(&self, signal: &Signal) {
        for subscriber in &self.subscribers {
            subscriber.push(signal.clone());
        }
    }
}

/// One subscriber of a channel. The channel closes when the last one is dropped.
#[derive(Debug)]
pub(super) struct Member {
    inbox: Arc<Inbox>,
    name: Arc<str>,
    channels: Arc<Channels>,
}

impl Member {
    /// The next signal; without an end, for a member keeps its channels.
    pub(super) fn poll_next(&self, context: &Context<'_>) -> Poll<Signal> {
        // First the waker, so that a signal that comes in between wakes it.
        self.inbox.waker.register(context.waker());
        match self.inbox.pop() {
            Some(signal) => Poll::Ready(signal),
            None => Poll::Pending,
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.channels.leave(&self.name, &self.inbox);
    }
}
