//! The `pricing` section.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the currency of a price is chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pricing {
    /// The currency for each country's customers; by default, router-config/countries.yaml as of this build.
    pub(crate) countries: Option<PathBuf>,
    /// MaxMind database (.mmdb) for locating IP addresses. Without it, locations are unknown.
    pub(crate) geo_database: Option<PathBuf>,
}
