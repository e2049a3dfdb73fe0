//! The demo data that a first start is seeded with, and what moves in it.

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The demo data that a first start is seeded with, and what moves in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Demo {
    /// How many orders the seed has.
    pub(crate) orders: u32,
    /// The same number gives the same data.
    pub(crate) seed: u64,
    /// How often `serve --demo` moves a shipment on.
    pub(crate) ticker_interval: Duration,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            orders: 2_000,
            seed: 1,
            ticker_interval: Duration::from_secs(2),
        }
    }
}
