//! The `tracking` section.

use platform::config::Duration;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

/// How often carriers are polled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tracking {
    /// How often the entitlement of watchers is checked: whether live updates are on for them, and whether a guest's
    /// link is valid.
    pub(crate) recheck_interval: Duration,
    /// A shipment not delivered for this long after its label is flagged and no longer polled.
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

/// The carriers that are polled; the others send webhooks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Carriers {
    pub(crate) dhl: Carrier,
    pub(crate) fedex: Carrier,
    pub(crate) ups: Carrier,
}

/// How one carrier is polled. Unset keys keep the carrier's own defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = nothing_required)]
pub(crate) struct Carrier {
    /// Interval between two polls of one shipment.
    pub(crate) poll_interval: Duration,
    /// Time limit for a response.
    pub(crate) timeout: Duration,
    /// Calls per hour that the carrier allows, over all shipments and instances.
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
