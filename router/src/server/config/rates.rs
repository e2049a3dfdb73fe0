//! How much users and addresses may ask for, in the units of an operation's cost.

use std::num::NonZeroU32;

use platform::rate_limit::Quota;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rates in units of cost, as `vantage operations cost` prints it. Without any, only the clients of `clients.file` that
/// have a rate are limited. With `redis_url` all instances count together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RatesConfig {
    /// Of each signed-in user.
    pub user: Option<RateConfig>,
    /// Of each address (of IPv6, of each /64 network), for those who are not signed in.
    pub address: Option<RateConfig>,
    /// Users, addresses and clients that this process counts; beyond them, those who ask least begin anew.
    pub max_buckets: u64,
    /// Tells everybody what an operation costs, in `extensions.cost`. Clients that have a rate of their own, and have
    /// proved who they are, are told in any case.
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
    /// What may be spent in a minute, in the long run.
    pub cost_per_minute: NonZeroU32,
    /// What may be spent at once.
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
