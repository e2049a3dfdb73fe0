//! Automatic persisted queries: documents that clients send once and then reference by hash.

use platform::cache::CacheBounds;
use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Documents registered by clients at run time by sending them with their hash. Manifests do not need this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PersistedQueriesConfig {
    /// Whether clients may do so. If not, a hash that is in no manifest is answered with PersistedQueryNotSupported.
    pub enabled: bool,
    /// Maximum number and total size of documents kept by this process; the least recently used are dropped first.
    pub max_entries: usize,
    pub max_bytes: usize,
    /// Longer documents are not kept.
    pub max_entry_bytes: usize,
    /// How long a document is kept.
    pub ttl: Duration,
}

impl Default for PersistedQueriesConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_entries: 10_000,
            max_bytes: 32 * 1024 * 1024,
            max_entry_bytes: 64 * 1024,
            ttl: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl PersistedQueriesConfig {
    /// The bounds of their cache.
    pub fn bounds(&self) -> CacheBounds {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        CacheBounds {
            max_entries: count(self.max_entries),
            max_bytes: count(self.max_bytes),
            ttl: self.ttl.get(),
        }
    }
}
