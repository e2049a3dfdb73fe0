//! The `returns` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Returns settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Returns {
    pub(crate) labels: Labels,
}

/// Which labels are bought for returns without a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Labels {
    /// The shop's telephone number, which carriers require for parcels that cross a border.
    pub(crate) phone: String,
    /// Services that may cross borders, as EasyPost's `carrier/service`. Within the country, ground services are bought.
    pub(crate) international_services: Vec<String>,
    /// The highest price of a label that crosses a border, in whole US dollars. A person decides about higher ones.
    pub(crate) international_limit_usd: u32,
}

impl Default for Labels {
    fn default() -> Self {
        let services = [
            "UPS/Standard",
            "UPS/Expedited",
            "FedEx/INTERNATIONAL_ECONOMY",
            "DHLExpress/ExpressWorldwideNonDoc",
        ];
        Self {
            phone: "+15025550100".to_owned(),
            international_services: services.map(str::to_owned).to_vec(),
            international_limit_usd: 120,
        }
    }
}
