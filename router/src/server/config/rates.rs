//! Rate limits of users and addresses, in units of operation cost.

use std::num::NonZeroU32;

use platform::rate_limit::Quota;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rates in units of cost, as printed by `vantage operations cost`. If unset, only clients with a rate in
/// `clients.file` are limited. With `redis_url`, all instances share the limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RatesConfig {
    /// Per signed-in user.
    pub user: Option<RateConfig>,
    /// Per address (per /64 network for IPv6), for requests that are not signed in.
    pub address: Option<RateConfig>,
    /// Users, addresses and clients tracked by this process; beyond that, the least active are reset.
    pub max_buckets: u64,
    /// Reports an operation's cost in `extensions.cost` to everybody. Authenticated clients with their own rate always
    /// get it.
    pub show_cost: bool,
}

impl Default for RatesConfig {
    fn default() -> Self {
        Self {
            user: None,
            address: None,
            max_buckets: 100_000,
            show_cost: false,
        }
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// The long-term rate, in cost per minute.
    pub cost_per_minute: NonZeroU32,
    /// The cost that may be spent at once.
    pub burst: NonZeroU32,
}

impl From<RateConfig> for Quota {
    fn from(rate: RateConfig) -> Self {
        Self {
            cost_per_minute: rate.cost_per_minute.get(),
            burst: rate.burst.get(),
        }
    }
}
