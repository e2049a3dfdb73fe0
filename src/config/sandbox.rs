//! The simulated third parties, and where the real ones are.

use std::net::{Ipv4Addr, SocketAddr};

use platform::config::{Duration, Invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// The simulated third parties. `serve` runs them in development, for those without a URL in `providers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sandbox {
    /// Whether `serve` runs them.
    pub(crate) enabled: bool,
    /// Address and port of all of them; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// The same number gives the same ids, rates and journeys.
    pub(crate) seed: u64,
    /// How long an hour of a parcel's journey takes.
    pub(crate) pace: Duration,
    /// How long what a provider settles later takes: refunds of labels, refunds that a bank refuses.
    pub(crate) settle: Duration,
    /// How long a webhook that nobody took waits for its next attempt; doubled after each.
    pub(crate) webhook_retry: Duration,
}

impl Default for Sandbox {
    fn default() -> Self {
        let sandbox::Config {
            seed,
            pace,
            settle,
            webhook_retry,
        } = sandbox::Config::default();
        Self {
            enabled: true,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed,
            pace,
            settle,
            webhook_retry,
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
        }
    }
}

/// Where the third parties are. Without a URL: the sandbox that `serve` runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Providers {
    pub(crate) easypost: Provider,
    pub(crate) stripe: Provider,
    pub(crate) dhl: Provider,
    pub(crate) fedex: Provider,
    pub(crate) ups: Provider,
    pub(crate) exchange_rates: Provider,
    pub(crate) fcm: Provider,
}

/// One third party.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Provider {
    /// Start of its API's addresses, without a path.
    pub(crate) url: Option<Url>,
}

impl Providers {
    fn named(&self) -> [(&'static str, &Provider); 7] {
        [
            ("easypost", &self.easypost),
            ("stripe", &self.stripe),
            ("dhl", &self.dhl),
            ("fedex", &self.fedex),
            ("ups", &self.ups),
            ("exchange_rates", &self.exchange_rates),
            ("fcm", &self.fcm),
        ]
    }

    /// Those without a URL, by name.
    pub(crate) fn without_url(&self) -> Vec<&'static str> {
        self.named()
            .into_iter()
            .filter(|(_, provider)| provider.url.is_none())
            .map(|(name, _)| name)
            .collect()
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        for (name, provider) in self.named() {
            if let Some(url) = &provider.url
                && !matches!(url.scheme(), "http" | "https")
            {
                return Err(Invalid::new(
                    format!("providers.{name}.url"),
                    format!("{:?} is none of http, https", url.scheme()),
                ));
            }
        }
        Ok(())
    }
}
