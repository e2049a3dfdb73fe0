//! The `orders` section.

use std::path::PathBuf;

use platform::providers::stripe::CaptureMethod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Checkout settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Orders {
    /// Shipping, taxes and non-returnable categories; by default, router-config/checkout.yaml as of this build.
    pub(crate) checkout_rates: Option<PathBuf>,
    /// When payments are captured.
    pub(crate) capture: Capture,
}

/// When the payments of orders are captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Capture {
    /// Authorized when the order is placed, and captured as its parcels are registered.
    #[default]
    OnShipment,
    /// When the order is placed.
    Immediate,
}

impl From<Capture> for CaptureMethod {
    fn from(capture: Capture) -> Self {
        match capture {
            Capture::OnShipment => Self::Manual,
            Capture::Immediate => Self::Automatic,
        }
    }
}
