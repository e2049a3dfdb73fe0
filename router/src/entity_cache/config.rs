//! The settings of the entity cache.

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Public data of subgraphs that is stored in the router, by what their responses' cache policies allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EntityCacheConfig {
    pub enabled: bool,
    /// Memory for the values; the least recently used are dropped.
    pub max_bytes: u64,
    /// Nothing is stored for longer, whatever its policy says.
    pub max_age: Duration,
    /// How long data may still be used after its time, while it is fetched anew, if its policy does not say. Data that was
    /// invalidated is never used.
    pub stale_while_revalidate: Duration,
    /// Subgraphs whose data is never stored.
    pub exclude_subgraphs: Vec<String>,
}

impl Default for EntityCacheConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(60 * 60),
            stale_while_revalidate: Duration::from_secs(0),
            exclude_subgraphs: Vec::new(),
        }
    }
}
