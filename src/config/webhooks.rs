//! The `webhooks` section.

use std::num::NonZeroUsize;

use platform::config::{Duration, Invalid, Secret};
use platform::webhooks::{RetrySchedule, WebhookSenderConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mode;

const HOUR: u64 = 60 * 60;

/// Longer attempts would outlast the claim on their work.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

const MAX_RESPONSE_BYTES: usize = 64 * 1024;

const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");

/// How partners are notified of events. The webhooks themselves are in `clients.file`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Webhooks {
    /// The key that partners' secrets are derived from, so that none is stored: the same in every process and command,
    /// with at least 32 bytes. Changing it changes every secret. By default it is derived from `subgraph_secret`.
    pub(crate) signing_key: Option<Secret>,
    /// Waits between the attempts to send an event; then it is given up. Each is extended by up to a fifth.
    pub(crate) retries: Vec<Duration>,
    /// Time limit for an attempt; 60s at most.
    pub(crate) timeout: Duration,
    /// Time limit for connecting.
    pub(crate) connect_timeout: Duration,
    /// Bytes of a response that are read; longer ones are cut off.
    pub(crate) max_response_bytes: usize,
    /// Webhooks that this process sends to concurrently.
    pub(crate) concurrency: NonZeroUsize,
    /// How long events are kept, for replays and for partners that are not reachable.
    pub(crate) retention: Duration,
    /// Whether webhooks may be sent to private addresses. For development and tests; refused in production.
    pub(crate) allow_private_hosts: bool,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            signing_key: None,
            // The beginning of Standard Webhooks' schedule: 31 hours and a half.
            retries: [5, 300, HOUR / 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR]
                .map(Duration::from_secs)
                .to_vec(),
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            max_response_bytes: MAX_RESPONSE_BYTES,
            concurrency: CONCURRENCY,
            retention: Duration::from_secs(14 * 24 * HOUR),
            allow_private_hosts: false,
        }
    }
}

impl Webhooks {
    pub(super) fn check(&self, mode: Mode) -> Result<(), Invalid> {
        if self.allow_private_hosts && mode == Mode::Production {
            return Err(Invalid::new(
                "webhooks.allow_private_hosts",
                "must be false in production: webhooks would reach our own network",
            ));
        }
        if self.timeout > LONGEST_TIMEOUT {
            return Err(Invalid::new("webhooks.timeout", "is longer than 60s"));
        }
        let retries: std::time::Duration = self.retries.iter().map(|wait| wait.get()).sum();
        if self.retention.get() < retries {
            return Err(Invalid::new(
                "webhooks.retention",
                "is shorter than all webhooks.retries together: events would be deleted before their last attempt",
            ));
        }
        Ok(())
    }

    pub(crate) fn schedule(&self) -> RetrySchedule {
        RetrySchedule::new(self.retries.iter().map(|wait| wait.get()).collect())
    }

    pub(crate) fn sender(&self, mode: Mode) -> WebhookSenderConfig {
        WebhookSenderConfig {
            timeout: self.timeout.get(),
            connect_timeout: self.connect_timeout.get(),
            max_response_bytes: self.max_response_bytes,
            require_https: mode == Mode::Production,
            allow_private_hosts: self.allow_private_hosts,
        }
    }
}
