//! The simulated third parties.

use std::net::{Ipv4Addr, SocketAddr};

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The simulated third parties. `serve` runs them in development, for those without a URL in `providers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sandbox {
    /// Whether `serve` runs them.
    pub(crate) enabled: bool,
    /// Address and port of all of them; port 0 takes a free one.
    #[serde(deserialize_with = "super::listen::deserialize")]
    pub(crate) listen: SocketAddr,
    /// The same number gives the same rates and journeys.
    pub(crate) seed: u64,
    /// How long an hour of a parcel's journey takes.
    pub(crate) pace: Duration,
    /// How long what a provider settles later takes: refunds of labels, refunds that a bank refuses.
    pub(crate) settle: Duration,
    /// How long a webhook that nobody took waits for its next attempt; doubled after each.
    pub(crate) webhook_retry: Duration,
    /// How many parcels in a hundred have each of the carriers' oddities: local times, missing codes, `null`
    /// where texts are promised.
    pub(crate) oddities: u32,
}

impl Default for Sandbox {
    fn default() -> Self {
        let sandbox::Config {
            seed,
            pace,
            settle,
            webhook_retry,
            oddities,
        } = sandbox::Config::default();
        Self {
            enabled: true,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed,
            pace,
            settle,
            webhook_retry,
            oddities,
        }
    }
}

impl Sandbox {
    /// What its world follows from.
    pub(crate) fn world(&self) -> sandbox::Config {
        sandbox::Config {
            seed: self.seed,
            pace: self.pace,
            settle: self.settle,
            webhook_retry: self.webhook_retry,
            oddities: self.oddities,
        }
    }
}
