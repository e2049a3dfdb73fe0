//! The channels that this process listens to. A channel is there while it has a subscriber.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::Signal;

/// Messages a subscriber may lag behind before it gets a [`Signal::Gap`] instead. Small, because
/// each channel reserves the room, and a gap costs a read and loses nothing.
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
    sender: broadcast::Sender<Signal>,
    heard: watch::Sender<bool>,
    /// Whether it has been heard since it opened; then hearing it again means there was a gap.
    was_heard: bool,
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
    pub(super) fn join(self: &Arc<Self>, name: &str) -> (Member, watch::Receiver<bool>) {
        let name: Arc<str> = name.into();
        let mut opened = false;
        let (receiver, heard) = {
            let mut open = self.lock();
            let channel = open.entry(name.clone()).or_insert_with(|| {
                opened = true;
                Channel {
                    sender: broadcast::Sender::new(QUEUE),
                    heard: watch::Sender::new(self.heard_at_once),
                    was_heard: self.heard_at_once,
                }
            });
            (channel.sender.subscribe(), channel.heard.subscribe())
        };
        if opened {
            (self.notice)(&name);
        }
        let member = Member {
            receiver: Some(BroadcastStream::new(receiver)),
            name,
            channels: self.clone(),
        };
        (member, heard)
    }

    /// Gives the signal to the channel's subscribers, if there are any.
    pub(super) fn send(&self, name: &str, signal: Signal) {
        let sender = self.lock().get(name).map(|channel| channel.sender.clone());
        if let Some(sender) = sender {
            // An error only means that the last subscriber has just left.
            let _ = sender.send(signal);
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
        let again = {
            let mut open = self.lock();
            let Some(channel) = open.get_mut(name) else {
                return;
            };
            channel.heard.send_replace(true);
            std::mem::replace(&mut channel.was_heard, true).then(|| channel.sender.clone())
        };
        if let Some(sender) = again {
            let _ = sender.send(Signal::Gap);
        }
    }

    /// The connection is lost: new subscribers wait for the next one.
    pub(super) fn none_heard(&self) {
        for channel in self.lock().values() {
            channel.heard.send_replace(false);
        }
    }

    fn leave(&self, name: &Arc<str>) {
        let closed = match self.lock().entry(name.clone()) {
            Entry::Occupied(entry) if entry.get().sender.receiver_count() == 0 => {
                entry.remove();
                true
            }
            _ => false,
        };
        if closed {
            (self.notice)(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Channel>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("open", &self.lock().len())
            .finish_non_exhaustive()
    }
}

/// One subscriber of a channel. The channel closes when the last one is dropped.
#[derive(Debug)]
pub(super) struct Member {
    /// `None` only while it is dropped.
    receiver: Option<BroadcastStream<Signal>>,
    name: Arc<str>,
    channels: Arc<Channels>,
}

impl Member {
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Signal>> {
        let Some(receiver) = &mut self.receiver else {
            return Poll::Ready(None);
        };
        Pin::new(receiver).poll_next(context).map(|next| {
            next.map(|signal| match signal {
                Ok(signal) => signal,
                Err(BroadcastStreamRecvError::Lagged(_)) => Signal::Gap,
            })
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // First the receiver, so that the channel's count is without this subscriber.
        self.receiver = None;
        self.channels.leave(&self.name);
    }
}
