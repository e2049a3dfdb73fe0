//! Public values that all routers share in Redis, behind those in the process.
//!
//! **Why no value is older than an invalidation that its reader knows of.** Each value depends on tags, and each tag has
//! a version in Redis. Whoever fetches a value first reads these versions, and stores their hash with it, the stamp. An
//! invalidation gives its tags versions that never were before, and only then is announced to other processes. So:
//! 1. A fetch that began before the change read its stamp before the versions changed. The stamp is never current again:
//!    a version that was replaced, evicted or lost is never written a second time. A missing version fits no stamp.
//! 2. Who has received the announcement reads versions that are newer, and finds no stamp from before.
//! 3. In the process that invalidates, between its own values and those in Redis, nothing is read from Redis
//!    ([`Recording`]). What was being read then is an entry of the epoch at which reading began, and so is invalid.
//! 4. If it is not certain that the versions have changed, the process reads nothing until a new version of everything is
//!    certain, and announces the doubt: whoever hears of it does the same. A process that ends in doubt after its event
//!    was published elsewhere leaves old values to their `max_age`.
//! 5. A server that may have forgotten versions, restarted from a snapshot or replaced by a replica, is recognized by the
//!    connection, and begins with a new version of everything (`platform::cache::tagged`).
//!
//! Without an answer in time, nothing is found.

mod codec;
mod look;
mod tags;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use parking_lot::{Mutex, RwLock};
use platform::cache::tagged::{SharedValue, TagKey, TaggedCache};
use tokio::sync::Semaphore;

pub(super) use self::codec::{Packed, Stamp};
pub(super) use self::look::{Looked, Requested};
use self::tags::SharedTag;
use super::config::SharedValuesConfig;
use super::invalidation::Invalidation;

/// Most responses whose values are being stored at once; more are not stored.
const MAX_PUTS: usize = 64;

/// Doubts are logged at most this often: where a process is not configured to record, each invalidation is one.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The values that all routers share. Clones are the same.
#[derive(Clone, Debug)]
pub struct SharedValues(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cache: Arc<dyn TaggedCache>,
    config: SharedValuesConfig,
    /// Invalidations whose tags are being changed.
    recording: AtomicUsize,
    /// How often it was not certain that tags have changed, and how many of these doubts are over.
    doubts: AtomicU64,
    resolved: AtomicU64,
    resolving: Arc<tokio::sync::Mutex<()>>,
    /// The key fields that entities of each type are invalidated by, as last read.
    fields: RwLock<HashMap<Box<str>, Fields, RandomState>>,
    puts: Arc<Semaphore>,
    /// When a doubt was logged last.
    warned: Mutex<Option<Instant>>,
}

/// In alphabetical order.
type Fields = Arc<BTreeSet<Box<str>>>;

impl SharedValues {
    pub fn new(cache: Arc<dyn TaggedCache>, config: SharedValuesConfig) -> Self {
        Self(Arc::new(Inner {
            cache,
            config,
            recording: AtomicUsize::new(0),
            doubts: AtomicU64::new(0),
            resolved: AtomicU64::new(0),
            resolving: Arc::default(),
            fields: RwLock::default(),
            puts: Arc::new(Semaphore::new(MAX_PUTS)),
            warned: Mutex::default(),
        }))
    }

    /// Begins an invalidation: until it is recorded, this process reads nothing. To be called before it is applied to
    /// the values in the process.
    pub fn begin(&self) -> Recording {
        self.0.recording.fetch_add(1, Ordering::SeqCst);
        Recording {
            values: self.clone(),
            is_certain: false,
        }
    }

    /// From now on, nothing is read that is stored already: it may have been invalidated without a trace. To be called
    /// before values in the process are used again.
    pub fn doubt(&self) {
        self.0.doubts.fetch_add(1, Ordering::SeqCst);
        metrics::counter!("router_entity_cache_shared_doubts_total").increment(1);
        let mut warned = self.0.warned.lock();
        if warned.is_none_or(|at| at.elapsed() > WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(
                "values shared in Redis dropped, an invalidation may not be recorded there"
            );
        }
    }

    /// Whether everything that this process has invalidated is recorded. If not, it tries to end that, in the background.
    pub fn is_certain(&self) -> bool {
        let doubts = self.0.doubts.load(Ordering::SeqCst);
        if self.0.resolved.load(Ordering::SeqCst) >= doubts {
            return true;
        }
        if let Ok(resolving) = Arc::clone(&self.0.resolving).try_lock_owned() {
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move {
                if inner.cache.change(&[TagKey::ALL], &[]).await {
                    inner.resolved.fetch_max(doubts, Ordering::SeqCst);
                }
                drop(resolving);
            });
        }
        false
    }

    /// Whether values may be read now.
    fn is_usable(&self) -> bool {
        self.0.recording.load(Ordering::SeqCst) == 0 && self.is_certain()
    }

    pub(super) fn config(&self) -> &SharedValuesConfig {
        &self.0.config
    }

    /// Stores values in the background.
    pub(super) fn put(&self, values: Vec<SharedValue>) {
        let Ok(permit) = Arc::clone(&self.0.puts).try_acquire_owned() else {
            metrics::counter!("router_entity_cache_shared_puts_dropped_total").increment(1);
            return;
        };
        let cache = Arc::clone(&self.0.cache);
        tokio::spawn(async move {
            cache.put(values).await;
            drop(permit);
        });
    }
}

/// An invalidation on its way to Redis. If it does not get there, everything is in doubt.
#[derive(Debug)]
#[must_use = "dropped before it is recorded, it makes everything invalid"]
pub struct Recording {
    values: SharedValues,
    is_certain: bool,
}

impl Recording {
    /// Changes the tags of these invalidations. Returns whether that is certain: then others may be told that it is
    /// recorded.
    pub async fn record(mut self, invalid: &[Invalidation]) -> bool {
        let inner = Arc::clone(&self.values.0);
        let doubts = inner.doubts.load(Ordering::SeqCst);
        let mut tags: BTreeSet<TagKey> = BTreeSet::new();
        let mut fields: BTreeSet<(&str, &str)> = BTreeSet::new();
        for invalid in invalid {
            invalid.each(
                |subgraph, tagged| {
                    tags.insert(SharedTag::Tagged(subgraph, tagged).key());
                },
                |name, field| {
                    fields.insert((name, field));
                },
            );
        }
        let mut names = Vec::with_capacity(fields.len());
        for (name, field) in fields {
            tags.insert(SharedTag::ByField(name, field).key());
            names.push((SharedTag::FieldsOf(name).key(), field.to_owned()));
        }
        if inner.resolved.load(Ordering::SeqCst) < doubts {
            tags.insert(TagKey::ALL);
        }
        let tags: Vec<TagKey> = tags.into_iter().collect();
        self.is_certain = inner.cache.change(&tags, &names).await;
        if self.is_certain {
            inner.resolved.fetch_max(doubts, Ordering::SeqCst);
        }
        self.is_certain && self.values.is_certain()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.is_certain {
            self.values.doubt();
        }
        self.values.0.recording.fetch_sub(1, Ordering::SeqCst);
    }
}
