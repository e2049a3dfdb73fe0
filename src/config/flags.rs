//! The `flags` section.

use std::path::PathBuf;

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Read if it exists and no other file is configured.
const DEFAULT_FILE: &str = "router-config/flags.yaml";

/// Feature flags: what is on, and for whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Flags {
    /// The flags file; by default router-config/flags.yaml, if it exists. Flags that are not in it have their defaults.
    pub(crate) file: Option<PathBuf>,
    /// How often the file is checked for changes.
    pub(crate) reload_interval: Duration,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            file: None,
            reload_interval: Duration::from_secs(2),
        }
    }
}

impl Flags {
    /// The file to read, if any.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.file.clone().or_else(|| {
            let file = PathBuf::from(DEFAULT_FILE);
            file.exists().then_some(file)
        })
    }
}
