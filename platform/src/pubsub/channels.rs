//! The channels this process listens to. A channel exists while it has a subscriber.

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

/// Unread messages per subscriber before it gets a [`Signal::Gap`] instead. A gap costs a read and loses nothing.
const QUEUE: usize = 16;

type OnChange = dyn Fn(&Arc<str>) + Send + Sync;

/// All channels with a subscriber in this process.
pub(super) struct Channels {
    open: Mutex<HashMap<Arc<str>, Channel>>,
    /// Whether channels are confirmed as soon as they open, because there is no server to wait for.
    confirmed_at_once: bool,
    /// Called with the name of each channel that opened or closed.
    on_change: Box<OnChange>,
}

#[derive(Debug)]
struct Channel {
    subscribers: Vec<Arc<SignalQueue>>,
    confirmation: Arc<Confirmation>,
    /// Whether it has been confirmed since it opened; a second confirmation then means that there was a gap.
    was_confirmed: bool,
}

/// A subscriber's unread signals. There are very many subscribers and most queues are empty, whereas a broadcast
/// channel reserves memory for each.
#[derive(Debug, Default)]
struct SignalQueue {
    unread: Mutex<VecDeque<Signal>>,
    waker: AtomicWaker,
}

impl SignalQueue {
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

/// Whether the server has confirmed a channel. There is one per channel, and a `watch` would take several times the
/// memory.
#[derive(Debug)]
pub(super) struct Confirmation {
    is_confirmed: AtomicBool,
    changed: Notify,
}

impl Confirmation {
    /// Waits for the confirmation.
    pub(super) async fn confirmed(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_confirmed.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until it is confirmed no more.
    pub(super) async fn lost(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.is_confirmed.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }

    fn set(&self, is: bool) {
        self.is_confirmed.store(is, Ordering::Release);
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
            confirmed_at_once: heard_at_once,
            on_change: Box::new(notice),
        })
    }

    /// A new subscriber, and a handle to wait for the server's confirmation.
    pub(super) fn subscribe(self: &Arc<Self>, name: &str) -> (Subscriber, Arc<Confirmation>) {
        let name: Arc<str> = name.into();
        let mut opened = false;
        let inbox = Arc::new(SignalQueue::default());
        let confirmation = {
            let mut open = self.lock();
            let channel = open.entry(name.clone()).or_insert_with(|| {
                opened = true;
                Channel {
                    subscribers: Vec::with_capacity(1),
                    confirmation: Arc::new(Confirmation {
                        is_confirmed: self.confirmed_at_once.into(),
                        changed: Notify::new(),
                    }),
                    was_confirmed: self.confirmed_at_once,
                }
            });
            channel.subscribers.push(inbox.clone());
            channel.confirmation.clone()
        };
        if opened {
            (self.on_change)(&name);
        }
        let member = Subscriber {
            inbox,
            name,
            confirmation: confirmation.clone(),
            channels: self.clone(),
        };
        (member, confirmation)
    }

    /// Delivers the signal to the channel's subscribers, if any.
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

    /// The server has confirmed the channel. Subscribers from before a lost connection get a gap.
    pub(super) fn confirm(&self, name: &str) {
        if let Some(channel) = self.lock().get_mut(name) {
            channel.confirmation.set(true);
            if std::mem::replace(&mut channel.was_confirmed, true) {
                channel.send(&Signal::Gap);
            }
        }
    }

    /// The connection is lost: new subscribers wait for the next one.
    pub(super) fn unconfirm_all(&self) {
        for channel in self.lock().values() {
            channel.confirmation.set(false);
        }
    }

    fn unsubscribe(&self, name: &Arc<str>, inbox: &Arc<SignalQueue>) {
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
            (self.on_change)(name);
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

/// A subscriber of a channel. The channel closes when the last one is dropped.
#[derive(Debug)]
pub(super) struct Subscriber {
    inbox: Arc<SignalQueue>,
    name: Arc<str>,
    confirmation: Arc<Confirmation>,
    channels: Arc<Channels>,
}

impl Subscriber {
    pub(super) fn confirmation(&self) -> Arc<Confirmation> {
        self.confirmation.clone()
    }

    /// The next signal. Never ends, because a subscriber keeps its channel open.
    pub(super) fn poll_next(&self, context: &Context<'_>) -> Poll<Signal> {
        // Register the waker first, so that a signal arriving in between wakes it.
        self.inbox.waker.register(context.waker());
        match self.inbox.pop() {
            Some(signal) => Poll::Ready(signal),
            None => Poll::Pending,
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.channels.unsubscribe(&self.name, &self.inbox);
    }
}
