//! Customers' preferences for searches: rows of the database, cached for a day in this process or in Redis.
//!
//! Whoever changes a row removes what is cached of it and tells the other processes over pub/sub. Each process also
//! looks for changed rows once a second, because the change may come from a process that shares nothing but the
//! database, such as a command.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use entities::search::customer_preference::{self, Interests, PreferenceMode};
use futures::StreamExt;
use parking_lot::Mutex;
use platform::cache::{Cache, CacheBounds, InProcessCache};
use platform::database::Database;
use platform::pubsub::{PubSub, Signal};
use platform::workers::WorkerContext;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::engine::ProductVector;

/// The channel on which processes tell each other whose preferences have changed.
const CHANNEL: &str = "search:preferences";
/// How often changed rows are looked for.
const POLL: Duration = Duration::from_secs(1);
/// How long a change may take to be committed, and how far the clocks of instances may differ: changes of this period
/// are looked for again.
const OVERLAP: TimeDelta = TimeDelta::seconds(30);
/// Rows read, and customers named in a message, at a time.
const BATCH: u64 = 1_000;

/// A vector of preferences, as searches use it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PreferenceVector {
    /// Identifies it among the customer's.
    pub version: i64,
    /// Never `None`.
    pub mode: PreferenceMode,
    pub vector: Arc<ProductVector>,
}

/// What is known of a customer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownPreferences {
    pub opted_out: bool,
    pub mode: PreferenceMode,
    pub current: Option<PreferenceVector>,
    /// The one before it, for searches that began with it.
    pub earlier: Option<PreferenceVector>,
    pub interests: Arc<Interests>,
    changed_at: DateTime<Utc>,
}

impl KnownPreferences {
    /// The vector of this version, if it still exists.
    pub(crate) fn version(&self, version: i64) -> Option<&PreferenceVector> {
        [&self.current, &self.earlier]
            .into_iter()
            .flatten()
            .find(|vector| vector.version == version)
    }

    fn of_row(row: customer_preference::Model) -> Self {
        let vector = |version, mode, bytes: Option<Vec<u8>>| {
            let vector = ProductVector::from_bytes(&bytes?)?;
            Some(PreferenceVector {
                version,
                mode,
                vector: Arc::new(vector),
            })
        };
        let current = vector(row.version, row.mode, row.vector);
        Self {
            opted_out: row.opted_out,
            mode: current
                .as_ref()
                .map_or(PreferenceMode::None, |current| current.mode),
            current,
            earlier: vector(row.earlier_version, row.earlier_mode, row.earlier_vector),
            interests: Arc::new(row.interests),
            changed_at: row.changed_at,
        }
    }
}

/// As it is cached.
#[derive(Serialize, Deserialize)]
struct Entry {
    opted_out: bool,
    current: Option<VectorEntry>,
    earlier: Option<VectorEntry>,
    interests: Interests,
    changed_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
struct VectorEntry {
    version: i64,
    mode: PreferenceMode,
    /// Base64 of little-endian floats.
    vector: String,
}

impl VectorEntry {
    fn of(vector: &PreferenceVector) -> Self {
        Self {
            version: vector.version,
            mode: vector.mode,
            vector: STANDARD_NO_PAD.encode(vector.vector.to_bytes()),
        }
    }

    fn vector(self) -> Option<PreferenceVector> {
        let bytes = STANDARD_NO_PAD.decode(self.vector).ok()?;
        Some(PreferenceVector {
            version: self.version,
            mode: self.mode,
            vector: Arc::new(ProductVector::from_bytes(&bytes)?),
        })
    }
}

impl Entry {
    fn of(known: &KnownPreferences) -> Self {
        Self {
            opted_out: known.opted_out,
            current: known.current.as_ref().map(VectorEntry::of),
            earlier: known.earlier.as_ref().map(VectorEntry::of),
            interests: (*known.interests).clone(),
            changed_at: known.changed_at,
        }
    }

    fn known(self) -> KnownPreferences {
        let current = self.current.and_then(VectorEntry::vector);
        KnownPreferences {
            opted_out: self.opted_out,
            mode: current
                .as_ref()
                .map_or(PreferenceMode::None, |current| current.mode),
            current,
            earlier: self.earlier.and_then(VectorEntry::vector),
            interests: Arc::new(self.interests),
            changed_at: self.changed_at,
        }
    }
}

/// The cache, and how processes keep it current. Clones share it.
#[derive(Clone, Debug)]
pub struct PreferenceCache {
    cache: Arc<dyn Cache>,
    pubsub: Arc<dyn PubSub>,
    /// When rows have changed within the last [`OVERLAP`], as far as this process knows: a cached value from before
    /// may have been put by a slow reader, and does not count.
    changed: Arc<Mutex<HashMap<Uuid, DateTime<Utc>>>>,
}

impl PreferenceCache {
    /// What the cache has to have room for: the customers who search on a day, with a kilobyte or two each.
    pub const BOUNDS: CacheBounds = CacheBounds {
        max_entries: 50_000,
        max_bytes: 64 << 20,
        ttl: Duration::from_secs(24 * 60 * 60),
    };

    pub fn new(cache: Arc<dyn Cache>, pubsub: Arc<dyn PubSub>) -> Self {
        Self {
            cache,
            pubsub,
            changed: Arc::default(),
        }
    }

    /// Within this process.
    pub fn in_process(pubsub: Arc<dyn PubSub>) -> Self {
        Self::new(Arc::new(InProcessCache::new(Self::BOUNDS)), pubsub)
    }

    /// What is known of a customer; from the database if it is not cached.
    pub(crate) async fn get(
        &self,
        database: &Database,
        customer: Uuid,
    ) -> Result<KnownPreferences, DbErr> {
        let key = key(customer);
        if let Some(cached) = self.cache.get(&key).await
            && let Ok(entry) = serde_json::from_slice::<Entry>(&cached)
        {
            let changed_at = self.changed.lock().get(&customer).copied();
            if changed_at.is_none_or(|at| entry.changed_at >= at) {
                return Ok(entry.known());
            }
        }
        let row = customer_preference::by_customer(database.read(), customer).await?;
        let known = row.map_or_else(
            || {
                let nothing = customer_preference::Model::unknown(customer, DateTime::UNIX_EPOCH);
                KnownPreferences::of_row(nothing)
            },
            KnownPreferences::of_row,
        );
        if let Ok(value) = serde_json::to_vec(&Entry::of(&known)) {
            self.cache.put(&key, Bytes::from(value)).await;
        }
        Ok(known)
    }

    /// Removes what is cached of these customers here, in Redis and in other processes. Call it after the commit.
    pub(crate) async fn remove(&self, customers: &[Uuid]) {
        for customers in customers.chunks(usize::try_from(BATCH).unwrap_or(usize::MAX)) {
            self.remove_here(customers).await;
            let Ok(message) = serde_json::to_vec(customers) else {
                continue;
            };
            if let Err(error) = self.pubsub.publish(CHANNEL, message.into()).await {
                // They find the rows within a second.
                tracing::debug!(%error, "changed preferences not published");
            }
        }
    }

    async fn remove_here(&self, customers: &[Uuid]) {
        for customer in customers {
            self.cache.remove(&key(*customer)).await;
        }
    }

    /// Keeps the cache current until told to stop.
    pub(crate) async fn follow(self, context: WorkerContext) {
        let mut subscription = self.pubsub.subscribe(CHANNEL).await.ok();
        let mut follower = Follower::new(self.clone(), &context);
        let mut next_poll = Instant::now();
        loop {
            let heard = async {
                match &mut subscription {
                    Some(subscription) => subscription.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = context.stop.cancelled() => return,
                heard = heard => match heard {
                    Some(Signal::Message(message)) => {
                        if let Ok(customers) = serde_json::from_slice::<Vec<Uuid>>(&message) {
                            self.remove_here(&customers).await;
                        }
                    }
                    // What was missed is found in the database.
                    Some(Signal::Gap) => {}
                    None => subscription = None,
                },
                () = tokio::time::sleep_until(next_poll) => {
                    if let Err(error) = follower.poll(context.clock.now()).await {
                        tracing::warn!(%error, "changed preferences not read");
                    }
                    next_poll = Instant::now() + POLL;
                }
            }
        }
    }
}

/// Up to where a process has followed the database.
struct Follower {
    cache: PreferenceCache,
    database: Database,
    until: DateTime<Utc>,
}

impl Follower {
    fn new(cache: PreferenceCache, context: &WorkerContext) -> Self {
        Self {
            cache,
            database: context.database.clone(),
            until: context.clock.now(),
        }
    }

    async fn poll(&mut self, now: DateTime<Utc>) -> Result<(), DbErr> {
        let (from, mut after) = (self.until - OVERLAP, None);
        loop {
            let db = self.database.read();
            let changes = customer_preference::changed_since(db, from, after, BATCH).await?;
            let new: Vec<Uuid> = {
                let mut changed = self.cache.changed.lock();
                changes
                    .iter()
                    .filter(|(at, customer)| changed.insert(*customer, *at) != Some(*at))
                    .map(|(_, customer)| *customer)
                    .collect()
            };
            self.cache.remove_here(&new).await;
            after = changes.last().copied();
            if (changes.len() as u64) < BATCH {
                break;
            }
        }
        self.until = now;
        let kept = now - OVERLAP;
        self.cache.changed.lock().retain(|_, at| *at >= kept);
        Ok(())
    }
}

/// `preferences:<customer>`.
fn key(customer: Uuid) -> String {
    format!("preferences:{}", customer.simple())
}
