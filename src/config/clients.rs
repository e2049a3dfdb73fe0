//! The `clients` section.

use std::path::PathBuf;

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Registered client applications and the operations they may run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Clients {
    /// The clients file, such as router-config/clients.yaml; without it no clients are registered.
    pub(crate) file: Option<PathBuf>,
    /// How often the file and its manifests are checked for changes.
    pub(crate) reload_interval: Duration,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            file: None,
            reload_interval: Duration::from_secs(2),
        }
    }
}
