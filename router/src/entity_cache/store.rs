//! The values in this process, bounded by their bytes; the least recently used are dropped first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::key::Key;
use super::versions::Epoch;
use crate::value::StoredValue;

/// What an entry occupies besides its value: key, times, and the cache's own nodes.
const ENTRY_BYTES: usize = 320;

/// A cached part of a response.
#[derive(Debug)]
pub(super) struct Entry {
    /// One for each `_entities` field that its representation was sent to; a single one for a response of root fields.
    pub(super) values: Box<[StoredValue]>,
    /// When its fetch began.
    pub(super) epoch: Epoch,
    /// Until when it is fresh.
    pub(super) expires: Instant,
    /// Until when it is fresh for clients, which may be another time.
    pub(super) client_expires: Instant,
    /// How long it may be used after that, while it is fetched anew.
    pub(super) stale_for: Duration,
    /// The subject of the caller who alone may get it; `None` if it is public.
    pub(super) caller: Option<Box<str>>,
}

/// How old an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It is fresh for this long.
    Fresh(Duration),
    /// It may be used while it is fetched anew.
    Stale,
    Expired,
}

impl Entry {
    pub(super) fn age(&self, now: Instant) -> Age {
        let left = self.expires.saturating_duration_since(now);
        if !left.is_zero() {
            Age::Fresh(left)
        } else if now < self.expires + self.stale_for {
            Age::Stale
        } else {
            Age::Expired
        }
    }

    fn bytes(&self) -> u32 {
        let values = self.values.iter().map(StoredValue::bytes);
        let caller = self.caller.as_ref().map_or(0, |caller| caller.len());
        let bytes = ENTRY_BYTES + caller + values.sum::<usize>();
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

#[derive(Debug)]
pub(super) struct Store(Cache<Key, Arc<Entry>, RandomState>);

impl Store {
    pub(super) fn new(max_bytes: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_: &Key, entry: &Arc<Entry>| entry.bytes())
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(UntilUseless)
            .build_with_hasher(RandomState::default());
        Self(entries)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.0.get(key)
    }

    pub(super) fn put(&self, key: Key, entry: impl Into<Arc<Entry>>) {
        self.0.insert(key, entry.into());
    }

    /// Drops what is stored for these callers alone. It looks at all entries, so it is for what happens rarely.
    pub(super) fn remove_of(&self, callers: &[String]) {
        for (key, entry) in &self.0 {
            let caller = entry.caller.as_deref();
            if caller.is_some_and(|caller| callers.iter().any(|erased| erased == caller)) {
                self.0.invalidate(&*key);
            }
        }
    }

    pub(super) fn clear(&self) {
        self.0.invalidate_all();
    }

    /// Entries and their bytes, roughly.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.0.entry_count(), self.0.weighted_size())
    }

    #[cfg(test)]
    pub(super) fn settle(&self) {
        self.0.run_pending_tasks();
    }
}

/// Drops entries when they can no longer be used.
struct UntilUseless;

impl Expiry<Key, Arc<Entry>> for UntilUseless {
    fn expire_after_create(&self, _: &Key, entry: &Arc<Entry>, now: Instant) -> Option<Duration> {
        Some((entry.expires + entry.stale_for).saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        key: &Key,
        entry: &Arc<Entry>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, entry, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Shape, Value};

    fn entry(bytes: usize) -> Entry {
        let text = Value::String("x".repeat(bytes).into());
        let shape = Shape::default();
        // A text needs no shape.
        let value = StoredValue::new(&text, &shape).expect("it fits");
        Entry {
            values: Box::new([value]),
            epoch: 0,
            expires: Instant::now() + Duration::from_secs(60),
            client_expires: Instant::now() + Duration::from_secs(60),
            stale_for: Duration::from_secs(10),
            caller: None,
        }
    }

    #[test]
    fn what_is_stored_for_a_caller_can_be_dropped() {
        let store = Store::new(100_000);
        for (key, caller) in [(1, None), (2, Some("usr_1")), (3, Some("usr_2"))] {
            let caller = caller.map(Box::from);
            store.put([key; 32], Entry { caller, ..entry(1) });
        }
        store.remove_of(&["usr_1".to_owned()]);
        let kept = [1, 2, 3].map(|key| store.get(&[key; 32]).is_some());
        assert_eq!(kept, [true, false, true]);
    }

    #[test]
    fn bytes_are_bounded() {
        let store = Store::new(100_000);
        for number in 0..1_000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            store.put(key, entry(1_000));
            store.settle();
            let (_, bytes) = store.size();
            assert!(bytes <= 100_000, "{bytes} bytes");
        }
        let (entries, _) = store.size();
        assert!(entries > 50, "{entries} entries");
    }

    #[test]
    fn an_entry_is_fresh_then_stale_then_useless() {
        let entry = entry(1);
        let at = |seconds| entry.expires - Duration::from_secs(60) + Duration::from_secs(seconds);
        assert_eq!(entry.age(at(59)), Age::Fresh(Duration::from_secs(1)));
        assert_eq!(entry.age(at(60)), Age::Stale);
        assert_eq!(entry.age(at(69)), Age::Stale);
        assert_eq!(entry.age(at(70)), Age::Expired);
    }
}
