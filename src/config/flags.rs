//! Where feature flags are, and how often they are looked after.

use std::path::PathBuf;

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Read when it exists and no other file is named.
const DEFAULT_FILE: &str = "router-config/flags.yaml";

/// Feature flags: what is switched on, and for whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Flags {
    /// File of the flags; without it router-config/flags.yaml, if there is one. A flag that is not in it has
    /// its default.
    pub(crate) file: Option<PathBuf>,
    /// How often the file is looked at for changes.
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
    /// The file to read, if there is any.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.file.clone().or_else(|| {
            let file = PathBuf::from(DEFAULT_FILE);
            file.exists().then_some(file)
        })
    }
}
