//! What each metric of the tracking domain means.

use metrics::{describe_counter, describe_gauge};

/// Gives them their help lines.
pub fn describe() {
    describe_gauge!(
        "vantage_tracking_active_subscriptions",
        "Customers who watch a parcel here, by carrier."
    );
    describe_counter!(
        "vantage_tracking_polls_total",
        "Polls of parcels, by carrier and outcome."
    );
    describe_counter!(
        "vantage_tracking_unknown_codes_total",
        "Status codes of carriers that are not known here."
    );
    describe_counter!(
        "vantage_tracking_flagged_shipments_total",
        "Parcels that were flagged because their carrier does not know them."
    );
    describe_counter!(
        "vantage_tracking_unreadable_total",
        "Data of carriers that could not be read in full, by reason."
    );
}
