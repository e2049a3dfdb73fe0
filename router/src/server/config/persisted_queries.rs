//! Automatic persisted queries: documents that clients have sent once, and then name by their hash.

use platform::cache::CacheBounds;
use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Documents that clients register by sending them with their hash. Those of manifests need none of this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PersistedQueriesConfig {
    /// Whether clients may do so. Without it a hash that is in no manifest is answered with PersistedQueryNotSupported.
    pub enabled: bool,
    /// Documents that this process keeps; the least recently used go first. Their bytes.
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
    /// How much a cache of them keeps.
    pub fn bounds(&self) -> CacheBounds {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        CacheBounds {
            max_entries: count(self.max_entries),
            max_bytes: count(self.max_bytes),
            ttl: self.ttl.get(),
        }
    }
}
