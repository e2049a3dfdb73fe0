//! The settings of the entity cache.

use std::collections::BTreeMap;

use platform::config::{ConnectionUrl, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::prepare::plan::FetchOperation;

/// Public data of subgraphs that is stored in the router, by what their responses' cache policies allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EntityCacheConfig {
    /// Unset: where all subgraphs and their SQLite files belong to one process, so that it knows of every change.
    pub enabled: Option<bool>,
    /// Memory for the values; the least recently used are dropped.
    pub max_bytes: u64,
    /// Nothing is stored for longer, whatever its policy says.
    pub max_age: Duration,
    /// How long data may still be used after its time, while it is fetched anew, if its policy does not say. Data that was
    /// invalidated is never used.
    pub stale_while_revalidate: Duration,
    /// Subgraphs whose data is never stored.
    pub exclude_subgraphs: Vec<String>,
    /// Private data that is stored for each signed-in caller alone, if its policy says `private` and a `max-age`: by
    /// subgraph, types of entities such as `Customer` and root fields such as `Query.me`. It stays in this process.
    pub private: BTreeMap<String, Vec<String>>,
    pub redis: SharedValuesConfig,
}

impl Default for EntityCacheConfig {
    fn default() -> Self {
        Self {
            enabled: None,
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(60 * 60),
            stale_while_revalidate: Duration::from_secs(0),
            exclude_subgraphs: Vec::new(),
            private: BTreeMap::new(),
            redis: SharedValuesConfig::default(),
        }
    }
}

impl EntityCacheConfig {
    /// Whether all of a fetch's data may be stored for its caller alone.
    pub(super) fn allows_private(&self, operation: &FetchOperation) -> bool {
        let Some(names) = self.private.get(&*operation.subgraph) else {
            return false;
        };
        let contents = &operation.contents;
        let mut entities = contents.entities.iter();
        let mut fields = contents.root_fields.iter();
        entities.all(|name| names.contains(name))
            && fields.all(|field| {
                let mut named = names.iter().filter_map(|name| name.strip_prefix("Query."));
                named.any(|name| name == field)
            })
    }
}

/// Public data that all routers share in Redis. Set the same in every process, also in those that only change data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SharedValuesConfig {
    pub enabled: bool,
    /// A server of its own, which may remove keys when its memory is full. Unset: that of `redis_url`, which must not.
    pub url: Option<ConnectionUrl>,
    /// Nothing is stored there for longer.
    pub max_age: Duration,
    /// Larger values are only stored in the process.
    pub max_value_bytes: u32,
    /// How long a request waits for the server before it does without.
    pub timeout: Duration,
}

impl Default for SharedValuesConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            url: None,
            max_age: Duration::from_secs(5 * 60),
            max_value_bytes: 64 << 10,
            timeout: Duration::from_millis(20),
        }
    }
}
