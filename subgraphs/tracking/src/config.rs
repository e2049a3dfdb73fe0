//! Settings for each carrier.

use std::time::Duration;

use chrono::TimeDelta;
use url::form_urlencoded::byte_serialize;

use crate::rules::status::Carrier;

/// The settings of all carriers. [`Default`] stays within the carriers' own limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackingConfig {
    /// This process and where it runs, for metrics.
    pub instance: String,
    pub region: String,
    /// How often the entitlement of watchers is checked: whether live updates are still on for them, and whether a
    /// guest's link is still valid.
    pub recheck_interval: Duration,
    /// A parcel not delivered for this long after its label is flagged and no longer polled.
    pub age_limit: Duration,
    pub dhl: CarrierConfig,
    pub fedex: CarrierConfig,
    pub ups: CarrierConfig,
    pub usps: CarrierConfig,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierConfig {
    /// How often each parcel is polled; `None` for a carrier that sends webhooks.
    pub poll_interval: Option<Duration>,
    /// Time limit for a response.
    pub timeout: Duration,
    /// Calls per hour that the carrier allows, over all parcels and instances.
    pub hourly_budget: u32,
    /// A parcel that the carrier has not reported for longer is shown as stale.
    pub staleness_limit: Duration,
    /// The carrier's tracking page, with `{number}` for the tracking number.
    pub tracking_url: String,
}

impl TrackingConfig {
    /// The age limit; unlimited if it exceeds the range of time.
    pub(crate) fn age_limit(&self) -> TimeDelta {
        const LONGEST: TimeDelta = TimeDelta::days(36_500);
        TimeDelta::from_std(self.age_limit)
            .unwrap_or(LONGEST)
            .min(LONGEST)
    }

    pub const fn carrier(&self, carrier: Carrier) -> &CarrierConfig {
        match carrier {
            Carrier::Dhl => &self.dhl,
            Carrier::Fedex => &self.fedex,
            Carrier::Ups => &self.ups,
            Carrier::Usps => &self.usps,
        }
    }
}

impl Default for TrackingConfig {
    fn default() -> Self {
        let carrier =
            |poll: Option<(u64, u64, u32)>, stale_minutes: u64, url: &str| CarrierConfig {
                poll_interval: poll.map(|(interval, ..)| Duration::from_secs(interval)),
                timeout: Duration::from_secs(poll.map_or(10, |(_, timeout, _)| timeout)),
                hourly_budget: poll.map_or(0, |(_, _, budget)| budget),
                staleness_limit: Duration::from_secs(60 * stale_minutes),
                tracking_url: url.to_owned(),
            };
        Self {
            instance: "local".to_owned(),
            region: "local".to_owned(),
            recheck_interval: Duration::from_secs(20),
            age_limit: Duration::from_secs(45 * 24 * 60 * 60),
            dhl: carrier(
                Some((60, 10, 2_000)),
                30,
                "https://www.dhl.com/en/express/tracking.html?AWB={number}",
            ),
            fedex: carrier(
                Some((90, 15, 1_000)),
                30,
                "https://www.fedex.com/fedextrack/?trknbr={number}",
            ),
            ups: carrier(
                Some((120, 12, 500)),
                60,
                "https://www.ups.com/track?tracknum={number}",
            ),
            // Reported by webhook for each scan, and scans are hours apart.
            usps: carrier(
                None,
                24 * 60,
                "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
            ),
        }
    }
}

impl CarrierConfig {
    /// The carrier's page about this parcel.
    pub fn tracking_url(&self, number: &str) -> String {
        let number: String = byte_serialize(number.as_bytes()).collect();
        self.tracking_url.replace("{number}", &number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_cannot_add_to_the_carriers_address() {
        let config = TrackingConfig::default();
        let url = config.carrier(Carrier::Ups).tracking_url("1Z&next=//evil?");
        assert_eq!(
            url,
            "https://www.ups.com/track?tracknum=1Z%26next%3D%2F%2Fevil%3F"
        );
    }
}
