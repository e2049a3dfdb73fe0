//! When operations are refused because the process has more of them than it can run.

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many operations run at once. The limit follows their durations: it falls while they slow each other down, and
/// rises while they do not. Others wait shortly, and what would wait longer is refused with 503, fairly by client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverloadConfig {
    /// Unset: in production.
    pub enabled: Option<bool>,
    /// By how much running operations may slow each other down on average, if that is more than an operation takes on
    /// its own.
    pub target_delay: Duration,
    /// How long an operation may wait for others before it is refused.
    pub max_wait: Duration,
    /// The limit never exceeds this, and no more than this wait.
    pub max_running: usize,
}

impl OverloadConfig {
    pub(in crate::server) fn is_enabled(&self, development: bool) -> bool {
        self.enabled.unwrap_or(!development)
    }
}

impl Default for OverloadConfig {
    fn default() -> Self {
        Self {
            enabled: None,
            target_delay: Duration::from_millis(20),
            max_wait: Duration::from_millis(100),
            max_running: 1_000,
        }
    }
}
