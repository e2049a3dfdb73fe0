//! What a checkout adds to prices.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a checkout adds to prices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Orders {
    /// Shipping, taxes and what cannot be returned; without it, the rates of router-config/checkout.yaml
    /// that this version was built with.
    pub(crate) checkout_rates: Option<PathBuf>,
}
