//! Live subscriptions: one execution and one serialization for all watchers of the same thing, and their migration to a
//! new schema.
//!
//! Two watchers watch the same thing if the operation, its variables and everything about the caller that subgraphs see
//! are equal. A second watcher may join an existing stream:
//! - before its first event: at once, since it misses nothing;
//! - later, if the events are numbered (`RouterBuilder::event_sequence`): a short stream of its own delivers the
//!   snapshot, and it moves to the shared stream at the snapshot's number;
//! - otherwise not: it would miss the initial events of a new stream.

mod drive;
mod event;
mod event_queue;
mod stream;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

pub(crate) use event::{Event, EventId};
pub(crate) use event_queue::{Delivery, EventQueue};

use crate::error::GraphQLError;
use crate::request::PreparedRequest;
use crate::response::GraphQLResponse;
use crate::router::{Key, Router};
use drive::Handover;
use stream::{JoinOutcome, Stream};

/// Receives a subscription's events. Called under a lock, so it must only queue and return.
pub(crate) trait Watcher: Send + Sync {
    fn event(&self, event: &Arc<Event>);

    /// The last call.
    fn end(&self, end: &End);
}

/// How a subscription ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Complete,
    /// With errors outside any event: the source could not be opened, or the schema changed.
    Failed(Arc<[GraphQLError]>),
    /// The source did not start in time.
    SourceTimeout,
    /// The subgraph switched off the feature; with its message.
    Disabled(Arc<str>),
}

/// The limits of streams.
#[derive(Clone, Debug)]
pub(crate) struct StreamOptions {
    /// How long a source may take to start.
    pub source_timeout: Duration,
    /// How long to keep reopening a lost source.
    pub source_recovery: Duration,
    /// How many of a stream's events are kept for reconnecting watchers.
    pub resume_events: usize,
    /// How long a resumable stream continues without watchers.
    pub resume_window: Duration,
}

/// An edge's live subscriptions. Clones share them.
#[derive(Clone)]
pub(crate) struct Subscriptions {
    hub: Arc<Hub>,
}

/// State shared by the streams.
struct Hub {
    options: StreamOptions,
    /// The streams that others may join.
    streams: Mutex<HashMap<Key, Arc<Stream>>>,
    /// The router that streams run on.
    router: watch::Sender<Arc<Router>>,
}

/// How a watcher starts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WatchOptions {
    /// The last event it received before it lost its connection.
    pub after: Option<EventId>,
    /// Whether it may return for events it missed.
    pub resumable: bool,
}

/// A watcher's registration. Dropping it stops the watching, and ends the stream if it was the last watcher. Must not
/// be dropped inside a [`Watcher`]'s methods.
pub(crate) struct Watch {
    hub: Arc<Hub>,
    own: (Arc<Stream>, u64),
    /// The stream that it moves to, or has moved to.
    shared: Option<(Arc<Stream>, u64)>,
}

impl Subscriptions {
    pub(crate) fn new(router: Arc<Router>, options: StreamOptions) -> Self {
        Self {
            hub: Arc::new(Hub {
                options,
                streams: Mutex::default(),
                router: watch::Sender::new(router),
            }),
        }
    }

    /// Subscribes, or joins an existing stream. The source is opened afterwards; the watcher receives the outcome.
    ///
    /// # Errors
    /// The response that rejects the operation.
    pub(crate) async fn watch(
        &self,
        router: &Router,
        request: PreparedRequest,
        begin: WatchOptions,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Watch, GraphQLResponse> {
        let mut job = Arc::new(router.subscription(request).await?);
        let hub = &self.hub;
        if let Some(after) = begin.after.and_then(|id| id.sequence) {
            let live = hub.streams().get(&Key::of(&job)).cloned();
            if let Some(live) = live
                && let Some(member) = live.rejoin(&watcher, begin, hub.options.resume_events)
            {
                return Ok(hub.watch_handle((live, member), None));
            }
            // No stream here has the missed events; the source may.
            if let Some(resumed) = router.resumed(&job, after).await {
                job = Arc::new(resumed);
            }
        }
        let key = Key::of(&job);
        let mut streams = hub.streams();
        let mut waiting = None;
        if let Some(live) = streams.get(&key).cloned() {
            match live.join(&watcher, begin, hub.options.resume_events) {
                JoinOutcome::Joined(member) => return Ok(hub.watch_handle((live, member), None)),
                JoinOutcome::Waiting(member) => waiting = Some((live, member)),
                JoinOutcome::Apart => {}
                JoinOutcome::Ended => {
                    streams.remove(&key);
                }
            }
        }
        let shared = !streams.contains_key(&key);
        let stream = Arc::new(Stream::new(shared.then(|| key.clone())));
        let after = begin.after.and_then(|id| id.sequence);
        let member = stream.first(watcher, after);
        if begin.resumable {
            stream.retain_events(hub.options.resume_events);
        }
        if shared {
            streams.insert(key, Arc::clone(&stream));
        }
        drop(streams);
        let handover = waiting.as_ref().map(|(stream, member)| Handover {
            stream: Arc::clone(stream),
            member: *member,
        });
        drive::start(Arc::clone(hub), Arc::clone(&stream), job, handover);
        Ok(hub.watch_handle((stream, member), waiting))
    }

    /// Moves every stream to another router. Operations that are not valid there end with an error.
    pub(crate) fn reload(&self, router: Arc<Router>) {
        self.hub.router.send_replace(router);
    }
}

impl Hub {
    fn streams(&self) -> MutexGuard<'_, HashMap<Key, Arc<Stream>>> {
        // No code panics while holding the lock.
        self.streams.lock()
    }

    fn watch_handle(
        self: &Arc<Self>,
        own: (Arc<Stream>, u64),
        shared: Option<(Arc<Stream>, u64)>,
    ) -> Watch {
        let hub = Arc::clone(self);
        Watch { hub, own, shared }
    }

    /// Removes a watcher from a stream, and ends the stream unless a client may still resume it.
    fn leave(self: &Arc<Self>, stream: &Arc<Stream>, member: u64) {
        if stream.leave(member) == stream::Remaining::Others {
            return;
        }
        if stream.retains_events()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (hub, stream) = (Arc::clone(self), Arc::clone(stream));
            runtime.spawn(async move {
                tokio::time::sleep(hub.options.resume_window).await;
                hub.abandon(&stream);
            });
        } else {
            self.abandon(stream);
        }
    }

    /// Ends a stream without watchers.
    fn abandon(&self, stream: &Arc<Stream>) {
        let mut streams = self.streams();
        let Some((key, driver)) = stream.close_if_empty() else {
            return;
        };
        forget(&mut streams, key.as_ref(), stream);
        drop(streams);
        if let Some(driver) = driver {
            driver.abort();
        }
    }

    /// Ends a stream and notifies its watchers.
    fn end(&self, stream: &Arc<Stream>, end: &End) {
        let mut streams = self.streams();
        let (key, watchers) = stream.close();
        forget(&mut streams, key.as_ref(), stream);
        drop(streams);
        for watcher in watchers {
            watcher.end(end);
        }
    }

    /// Lets new watchers find a stream under the operation it has moved to.
    fn rename(&self, stream: &Arc<Stream>, key: Key) {
        let mut streams = self.streams();
        let vacant = !streams.contains_key(&key);
        let old = stream.rename(vacant.then(|| key.clone()));
        forget(&mut streams, old.as_ref(), stream);
        if vacant && stream.is_open() {
            streams.insert(key, Arc::clone(stream));
        }
    }
}

#[expect(
    clippy::mutable_key_type,
    reason = "a key compares its operation by address"
)]
fn forget(streams: &mut HashMap<Key, Arc<Stream>>, key: Option<&Key>, stream: &Arc<Stream>) {
    if let Some(key) = key
        && streams
            .get(key)
            .is_some_and(|known| Arc::ptr_eq(known, stream))
    {
        streams.remove(key);
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions")
            .field("options", &self.hub.options)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.leave(&self.own.0, self.own.1);
        if let Some((stream, member)) = &self.shared {
            self.hub.leave(stream, *member);
        }
    }
}
