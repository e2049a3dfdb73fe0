//! What a sandbox follows from, and how fast its world moves.

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a sandbox follows from, and how fast its world moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The same number gives the same rates and journeys.
    pub seed: u64,
    /// How long an hour of a parcel's journey takes.
    pub pace: Duration,
    /// How long what a provider settles later takes: refunds of labels, refunds that a bank refuses.
    pub settle: Duration,
    /// How long a webhook that nobody took waits for its next attempt; doubled after each.
    pub webhook_retry: Duration,
    /// How many parcels in a hundred have each of the carriers' oddities: local times, missing codes, `null`
    /// where texts are promised.
    pub oddities: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            pace: Duration::from_secs(3_600),
            settle: Duration::from_secs(1),
            webhook_retry: Duration::from_secs(1),
            oddities: 20,
        }
    }
}
