//! Live updates of an entity: as it is, then after each change. Every subscription to an entity's state is a [`Watch`],
//! and whoever changes entities lets [`announcer`] tell the watchers, in every process.
//!
//! A message only says that something changed; the entity is read again. So a lost message costs nothing once the next
//! one arrives, and changes that follow each other closely become one update.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use futures::stream::{self, Stream, StreamExt};
use platform::backoff::Backoff;
use platform::bus::Event;
use platform::database::{Database, DatabaseTransaction};
use platform::inbox::{ConsumerGroup, HandleError, Handler, Subscriber};
use platform::outbox;
use platform::pubsub::{PubSub, Subscription};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};
use crate::id::IdKind;

/// How long to wait before a state that could not be read is read again.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Reads the current state; `None` if there is none.
type Read<T> = dyn Fn() -> BoxFuture<'static, Result<Option<T>, DbErr>> + Send + Sync;

/// An entity's state with the number of its last change. Two states are the same if their numbers are.
#[derive(Clone, Debug)]
pub struct Numbered<T> {
    /// 0 before the first change.
    pub sequence: i64,
    pub state: T,
}

/// The number of each entity's last event in this topic; none for an entity without one.
///
/// # Errors
/// A database that cannot be read.
pub async fn last_sequences(
    database: &Database,
    topic: &str,
    kind: IdKind,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, i64>, DbErr> {
    let public: Vec<_> = ids.iter().map(|&id| kind.format(id)).collect();
    let found = outbox::last_sequences(database.read(), topic, &public).await?;
    let numbers = ids.iter().zip(&public);
    Ok(numbers
        .filter_map(|(&id, public)| Some((id, *found.get(public)?)))
        .collect())
}

impl<T> PartialEq for Numbered<T> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

/// A watched state. There are many of these, mostly idle.
pub struct Watch<T> {
    signals: Subscription,
    read: Arc<Read<T>>,
    current: T,
}

impl<T: fmt::Debug> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Watch<T> {
    /// Subscribes to the channel, then reads, so that no change is missed in between. `None` if there is no such state.
    ///
    /// # Errors
    /// UNAVAILABLE if it cannot be subscribed to, INTERNAL if it cannot be read.
    pub async fn open<F>(
        pubsub: &dyn PubSub,
        channel: String,
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> ApiResult<Option<Self>>
    where
        F: Future<Output = Result<Option<T>, DbErr>> + Send + 'static,
    {
        let signals = pubsub.subscribe(&channel).await.map_err(|error| {
            tracing::warn!(channel, %error, "subscription failed");
            ApiError::unavailable("Live updates are not available at the moment")
        })?;
        let read: Arc<Read<T>> = Arc::new(move || Box::pin(read()));
        let current = read().await?;
        Ok(current.map(|current| Self {
            signals,
            read,
            current,
        }))
    }

    /// The state as it was read first.
    pub fn current(&self) -> &T {
        &self.current
    }

    /// The state as it was read first, then each one that differs from the previous one.
    pub fn updates(self) -> impl Stream<Item = T> + Send + 'static {
        let first = self.current.clone();
        stream::once(async move { first }).chain(self.changes())
    }

    /// Each state that differs from the previous one, without the first.
    pub fn changes(self) -> impl Stream<Item = T> + Send + 'static {
        stream::unfold(self, |mut watch| async move {
            loop {
                // A message and a gap both mean: read it again.
                watch.signals.next().await?;
                let state = read_in_the_end(&watch.read).await?;
                if state != watch.current {
                    watch.current = state.clone();
                    return Some((state, watch));
                }
            }
        })
    }
}

impl<T: Clone + Send + Sync + 'static> Watch<Numbered<T>> {
    /// Like [`Self::updates`], for a client that has seen the change with this number: the first state is left out if
    /// it has no later one.
    pub fn updates_after(
        self,
        seen: Option<i32>,
    ) -> impl Stream<Item = Numbered<T>> + Send + 'static {
        let is_seen = seen.map(i64::from) == Some(self.current.sequence);
        let first = (!is_seen).then(|| self.current.clone());
        stream::iter(first).chain(self.changes())
    }
}

/// The state, however long the database does not answer: a watcher is not told twice.
async fn read_in_the_end<T>(read: &Arc<Read<T>>) -> Option<T> {
    let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    loop {
        match read().await {
            Ok(state) => return state,
            // The database's health is reported elsewhere, and there may be thousands of watchers.
            Err(error) => tracing::debug!(%error, "watched state could not be read"),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// The channels that an event changes something for.
type Channels = fn(&Event) -> Result<Vec<String>, HandleError>;

/// A consumer of a domain's own events that tells the watchers of these channels, in any process.
pub fn announcer(group: ConsumerGroup, pubsub: Arc<dyn PubSub>, channels: Channels) -> Subscriber {
    Subscriber {
        group,
        handler: Arc::new(Announcer { pubsub, channels }),
    }
}

struct Announcer {
    pubsub: Arc<dyn PubSub>,
    channels: Channels,
}

#[async_trait::async_trait]
impl Handler for Announcer {
    async fn handle(
        &self,
        _: &DatabaseTransaction,
        event: &Event,
        _: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        for channel in (self.channels)(event)? {
            // A watcher that misses this sees it with the next change.
            if let Err(error) = self.pubsub.publish(&channel, Bytes::new()).await {
                tracing::warn!(channel, %error, "change not announced");
            }
        }
        Ok(())
    }
}
