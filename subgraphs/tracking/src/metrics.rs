//! Descriptions of the tracking domain's metrics.

use metrics::{describe_counter, describe_gauge};

/// Registers the help lines.
pub fn describe() {
    describe_gauge!(
        "vantage_tracking_active_subscriptions",
        "Customers watching a parcel in this instance, by carrier."
    );
    describe_counter!(
        "vantage_tracking_polls_total",
        "Polls of parcels, by carrier and outcome: answered, unknown, unreadable, failed, unrecorded, panicked, \
         unconfigured, or resting while the carrier's circuit breaker is open."
    );
    describe_counter!(
        "vantage_tracking_unknown_codes_total",
        "Unknown status codes from carriers."
    );
    describe_counter!(
        "vantage_tracking_flagged_shipments_total",
        "Parcels flagged for support."
    );
    describe_counter!(
        "vantage_tracking_unreadable_total",
        "Carrier data that could not be parsed completely, by reason."
    );
}
