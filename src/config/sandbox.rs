//! The `sandbox` section.

use std::net::{Ipv4Addr, SocketAddr};

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The simulated third parties. In development, `serve` runs them for those without a URL in `providers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sandbox {
    /// Whether `serve` runs them.
    pub(crate) enabled: bool,
    /// Address and port of all of them; port 0 picks a free one.
    #[serde(deserialize_with = "super::listen::deserialize")]
    pub(crate) listen: SocketAddr,
    /// Address and port of the mail server; port 0 picks a free one.
    #[serde(deserialize_with = "super::listen::deserialize")]
    pub(crate) smtp_listen: SocketAddr,
    /// The random seed: the same number gives the same rates and journeys.
    pub(crate) seed: u64,
    /// How long an hour of a parcel's journey takes.
    pub(crate) pace: Duration,
    /// How long delayed settlements take: label refunds, refunds that a bank rejects.
    pub(crate) settle: Duration,
    /// Wait before an unaccepted webhook is sent again; doubles each time.
    pub(crate) webhook_retry: Duration,
    /// Percentage of parcels with each of the carriers' irregularities: local times, missing codes, `null` in place of
    /// text.
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
            smtp_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed,
            pace,
            settle,
            webhook_retry,
            oddities,
        }
    }
}

impl Sandbox {
    /// Lets an hour of a parcel's journey take no longer than this.
    pub(crate) fn hurry(&mut self, hour: Duration) {
        self.pace = self.pace.min(hour);
    }

    /// The parameters of its world.
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
