//! Descriptions of the tracking domain's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Registers the help lines.
pub fn describe() {
    describe_gauge!(
        "vantage_tracking_active_subscriptions",
        "Customers watching a parcel in this instance, by carrier."
    );
    describe_counter!(
        "vantage_tracking_published_total",
        "Changes of parcels published to those who watch them."
    );
    describe_histogram!(
        "vantage_tracking_delivery_seconds",
        Unit::Seconds,
        "Time from the publication of a parcel's change until a subscription has it, by the clocks of both processes."
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
