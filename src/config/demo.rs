//! The `demo` section.

use chrono::{DateTime, Utc};
use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The demo data of a first start, and its movement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Demo {
    /// The number of orders.
    pub(crate) orders: u32,
    /// The number of products: at least 20, one in each category.
    pub(crate) products: u32,
    /// The number of customers, at least 3; by default, one for every 40 orders, and at least 50.
    pub(crate) customers: Option<u32>,
    /// The random seed: the same number gives the same data.
    pub(crate) seed: u64,
    /// The date of the data, such as 2025-10-09T12:00:00Z; by default, the time of seeding.
    pub(crate) now: Option<DateTime<Utc>>,
    /// How often `serve --demo` advances a shipment.
    pub(crate) ticker_interval: Duration,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            orders: 2_000,
            products: 500,
            customers: None,
            seed: 1,
            now: None,
            ticker_interval: Duration::from_secs(2),
        }
    }
}
