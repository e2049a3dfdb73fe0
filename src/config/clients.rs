//! Where the registered clients are, and how often they are looked after.

use std::path::PathBuf;

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The applications that call: who they are, and which operations they may run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Clients {
    /// File of the clients, such as router-config/clients.yaml; without it no client is registered.
    pub(crate) file: Option<PathBuf>,
    /// How often the file and its manifests are looked at for changes.
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
