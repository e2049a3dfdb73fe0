//! Public data of subgraphs, stored by entity: a fetch is only sent for what is missing. Responses say by their cache
//! policy what is public and for how long; invalidations say what has changed before that.
//!
//! Two things hold whatever happens. No value is used that was fetched before an invalidation of it: each records the
//! epoch at which its fetch began (`versions`), or what it depends on if all routers share it (`shared`). And no value
//! reaches a caller of another class (`key`), or any other caller at all unless its response said that it is public.
//! Private values are only stored where that is configured, by caller and in this process.

mod config;
mod fill;
mod found;
mod invalidation;
mod key;
mod lookup;
mod refresh;
mod shared;
mod store;
mod tags;
mod versions;
mod writers;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use foldhash::fast::RandomState;
use moka::sync::Cache;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

pub use self::config::{EntityCacheConfig, SharedValuesConfig};
pub(crate) use self::fill::Fetched;
pub(crate) use self::found::{EntityFields, Found};
pub use self::invalidation::{InvalidEntity, Invalidation};
pub(crate) use self::key::KeyedFetch;
pub(crate) use self::lookup::Lookup;
pub(crate) use self::refresh::Refresh;
pub use self::shared::{Recording, SharedValues};
use self::store::Store;
use self::versions::Versions;
use self::writers::Writers;
use crate::in_flight::InFlight;
use crate::request::RequestContext;
use crate::supergraph::Supergraph;

/// How many classes of fetches are remembered as public or not.
const MAX_CLASSES: u64 = 16_384;

/// The cache, for one router after the other. Clones share it.
#[derive(Clone, Debug)]
pub struct EntityCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: EntityCacheConfig,
    store: Store,
    shared: Option<SharedValues>,
    versions: Versions,
    writers: Writers,
    /// How the last response to fetches of a class was stored, if it was. Others neither look values up nor wait for each
    /// other.
    classes: Cache<key::Key, Option<Scope>, RandomState>,
    /// Fetches of missing values; their outcome is whether these are stored now.
    fills: InFlight<key::Key, bool>,
    created: Instant,
    is_suspended: AtomicBool,
    /// What is fetched anew in the background.
    refreshing: Mutex<HashSet<key::Key, RandomState>>,
}

/// For whom a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Public,
    /// The caller alone.
    Private,
}

impl EntityCache {
    /// An empty cache with these bounds; `enabled` is up to the caller.
    pub fn new(config: EntityCacheConfig) -> Self {
        Self::with_shared(config, None)
    }

    /// A cache with values behind it that other routers share, if there are any.
    pub fn with_shared(config: EntityCacheConfig, shared: Option<SharedValues>) -> Self {
        Self(Arc::new(Inner {
            shared,
            store: Store::new(config.max_bytes),
            versions: Versions::new(),
            writers: Writers::new(),
            classes: Cache::builder()
                .max_capacity(MAX_CLASSES)
                .build_with_hasher(RandomState::default()),
            fills: InFlight::immediate(),
            created: Instant::now(),
            is_suspended: AtomicBool::new(false),
            refreshing: Mutex::default(),
            config,
        }))
    }

    /// From now on, nothing that was fetched before is used if it may contain any of this. What other routers share is
    /// invalidated with a [`Recording`].
    pub fn invalidate(&self, invalid: &Invalidation) {
        self.0.versions.invalidate(invalid);
        if !invalid.callers.is_empty() {
            self.0.store.remove_of(&invalid.callers);
        }
        for (what, count) in [
            ("caller", invalid.callers.len()),
            ("entity", invalid.entities.len()),
            ("type", invalid.types.len()),
            ("root_field", invalid.root_fields.len()),
        ] {
            if count > 0 {
                metrics::counter!("router_entity_cache_invalidations_total", "of" => what)
                    .increment(count as u64);
            }
        }
    }

    /// The values that other routers share, if there are any.
    pub fn shared(&self) -> Option<&SharedValues> {
        self.0.shared.as_ref()
    }

    /// From now on, nothing is used that was fetched before, except for what other routers share.
    pub fn clear(&self) {
        self.0.versions.invalidate_all();
        self.0.store.clear();
        metrics::counter!("router_entity_cache_invalidations_total", "of" => "all").increment(1);
    }

    /// Uses nothing until [`Self::resume`], because invalidations may be missed.
    pub fn suspend(&self) {
        self.0.is_suspended.store(true, Ordering::Release);
    }

    /// Begins again, with an empty cache.
    pub fn resume(&self) {
        self.clear();
        self.0.is_suspended.store(false, Ordering::Release);
    }

    pub fn is_suspended(&self) -> bool {
        self.0.is_suspended.load(Ordering::Acquire)
    }

    /// A number that grows with each invalidation.
    pub fn epoch(&self) -> u64 {
        self.0.versions.current()
    }

    /// Stored values, and roughly their bytes.
    pub fn size(&self) -> (u64, u64) {
        self.0.store.size()
    }

    fn report_size(&self) {
        let (entries, bytes) = self.size();
        metrics::gauge!("router_entity_cache_entries").set(entries as f64);
        metrics::gauge!("router_entity_cache_bytes").set(bytes as f64);
    }
}

/// The cache of one router. Values of another schema are not found.
#[derive(Debug)]
pub(crate) struct RouterCache {
    cache: EntityCache,
    schema: key::Key,
}

impl RouterCache {
    pub(crate) fn new(cache: EntityCache, supergraph: &Supergraph) -> Self {
        Self {
            cache,
            schema: Sha256::digest(supergraph.sdl.as_bytes()).into(),
        }
    }

    /// This caller has executed a mutation.
    pub(crate) fn written_by(&self, context: &RequestContext) {
        self.cache.0.writers.add(context);
    }

    /// Looks up the values of a fetch; `Err` with the reason if they are not stored.
    pub(crate) fn lookup<'c>(&'c self, fetch: KeyedFetch<'c>) -> Result<Lookup<'c>, &'static str> {
        let inner = &*self.cache.0;
        if self.cache.is_suspended() {
            return Err("suspended");
        }
        if inner.writers.contain(fetch.context) {
            return Err("written");
        }
        let mut excluded = inner.config.exclude_subgraphs.iter();
        if excluded.any(|name| **name == *fetch.operation.subgraph) {
            return Err("excluded");
        }
        Ok(Lookup::new(self, fetch))
    }
}
