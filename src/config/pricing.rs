//! How the currency of a price is chosen.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the currency of a price is chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pricing {
    /// Which currency a country's customers see; without it, the map of router-config/countries.yaml
    /// that this version was built with.
    pub(crate) countries: Option<PathBuf>,
    /// MaxMind database (.mmdb) that says in which country an address is. Without it nobody is located.
    pub(crate) geo_database: Option<PathBuf>,
}
