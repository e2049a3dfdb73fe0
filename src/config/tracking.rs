//! How often carriers are asked where a shipment is.

use platform::config::Duration;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

/// How often carriers are asked where a shipment is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tracking {
    /// How often those who watch are asked whether they still may: whether live updates are on for them, and a
    /// guest's link is good.
    pub(crate) recheck_interval: Duration,
    /// A shipment that was not delivered for longer than this since its label is no longer asked about, and flagged.
    pub(crate) age_limit: Duration,
    pub(crate) carriers: Carriers,
}

impl Default for Tracking {
    fn default() -> Self {
        Self {
            recheck_interval: Duration::from_secs(20),
            age_limit: Duration::from_secs(45 * 24 * 60 * 60),
            carriers: Carriers::default(),
        }
    }
}

/// The carriers that are polled; the others call us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Carriers {
    pub(crate) dhl: Carrier,
    pub(crate) fedex: Carrier,
    pub(crate) ups: Carrier,
}

/// How one carrier is asked. What is not set stays as it is for this carrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = nothing_required)]
pub(crate) struct Carrier {
    /// Time between two questions about one shipment.
    pub(crate) poll_interval: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// Questions an hour that the carrier allows, over all shipments and instances.
    pub(crate) hourly_budget: u32,
}

impl Default for Carriers {
    fn default() -> Self {
        let carrier = |poll_seconds, timeout_seconds, hourly_budget| Carrier {
            poll_interval: Duration::from_secs(poll_seconds),
            timeout: Duration::from_secs(timeout_seconds),
            hourly_budget,
        };
        Self {
            dhl: carrier(60, 10, 2_000),
            fedex: carrier(90, 15, 1_000),
            ups: carrier(120, 12, 500),
        }
    }
}

/// The defaults differ by carrier, so they come from [`Carriers`] and no key is required.
fn nothing_required(schema: &mut Schema) {
    schema.remove("required");
}
