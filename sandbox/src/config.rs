//! The parameters of a sandbox.

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The random seed: the same number gives the same rates and journeys.
    pub seed: u64,
    /// How long an hour of a parcel's journey takes.
    pub pace: Duration,
    /// How long delayed settlements take: label refunds, refunds that a bank rejects.
    pub settle: Duration,
    /// Wait before an unaccepted webhook is sent again; doubles each time.
    pub webhook_retry: Duration,
    /// Percentage of parcels with each of the carriers' oddities: local times, missing codes, `null` in place of text.
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
