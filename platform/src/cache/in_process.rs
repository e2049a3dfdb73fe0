//! The in-process cache, with least-recently-used eviction.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache as Entries;

use super::{Cache, CacheBounds};

/// Clones share the entries.
#[derive(Clone)]
pub struct InProcessCache(Entries<String, Bytes>);

impl InProcessCache {
    pub fn new(bounds: CacheBounds) -> Self {
        let entries = bounds.max_entries.max(1);
        // A minimum weight, so that `max_entries` entries of it add up to `max_bytes`.
        let least = u32::try_from(bounds.max_bytes.div_ceil(entries)).unwrap_or(u32::MAX);
        let weight = move |key: &String, value: &Bytes| {
            let bytes = u32::try_from(key.len() + value.len()).unwrap_or(u32::MAX);
            bytes.max(least)
        };
        let entries = Entries::builder()
            .max_capacity(bounds.max_bytes)
            .weigher(weight)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(bounds.ttl)
            .build();
        Self(entries)
    }

    pub(super) fn get_now(&self, key: &str) -> Option<Bytes> {
        self.0.get(key)
    }

    pub(super) fn put_now(&self, key: &str, value: Bytes) {
        self.0.insert(key.to_owned(), value);
    }

    pub(super) fn remove_now(&self, key: &str) {
        self.0.invalidate(key);
    }
}

impl fmt::Debug for InProcessCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessCache")
            .field("entries", &self.0.entry_count())
            .finish()
    }
}

#[async_trait]
impl Cache for InProcessCache {
    async fn get(&self, key: &str) -> Option<Bytes> {
        self.get_now(key)
    }

    async fn put(&self, key: &str, value: Bytes) {
        self.put_now(key, value);
    }

    async fn remove(&self, key: &str) {
        self.remove_now(key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cache(max_entries: u64, max_bytes: u64) -> InProcessCache {
        InProcessCache::new(CacheBounds {
            max_entries,
            max_bytes,
            ttl: Duration::from_secs(60),
        })
    }

    fn kept(cache: &InProcessCache, keys: usize, bytes: usize) -> Vec<usize> {
        for key in 0..keys {
            cache.put_now(&key.to_string(), vec![b'x'; bytes].into());
            // Keep the first entry in use.
            cache.get_now("0");
            cache.0.run_pending_tasks();
        }
        (0..keys)
            .filter(|key| cache.get_now(&key.to_string()).is_some())
            .collect()
    }

    #[test]
    fn entries_and_bytes_are_bounded_and_the_least_recently_used_go_first() {
        assert_eq!(kept(&cache(3, 3_000), 5, 1), [0, 3, 4]);
        assert_eq!(kept(&cache(100, 3_000), 5, 1_400), [0, 4]);
        assert_eq!(kept(&cache(100, 3_000), 2, 4_000), [] as [usize; 0]);
    }
}
