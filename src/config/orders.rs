//! The `orders` section.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Checkout settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Orders {
    /// Shipping, taxes and non-returnable categories; by default, router-config/checkout.yaml as of this build.
    pub(crate) checkout_rates: Option<PathBuf>,
}
