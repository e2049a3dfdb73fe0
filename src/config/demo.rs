//! The demo data that a first start is seeded with, and what moves in it.

use chrono::{DateTime, Utc};
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
    /// The moment the data is from, such as 2025-10-09T12:00:00Z; without it, the time of the seeding.
    pub(crate) now: Option<DateTime<Utc>>,
    /// How often `serve --demo` moves a shipment on.
    pub(crate) ticker_interval: Duration,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            orders: 2_000,
            seed: 1,
            now: None,
            ticker_interval: Duration::from_secs(2),
        }
    }
}
