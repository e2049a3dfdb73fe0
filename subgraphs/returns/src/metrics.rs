//! What each metric of the returns domain means.

use metrics::{describe_counter, describe_gauge};

/// Gives them their help lines.
pub fn describe() {
    describe_counter!(
        "vantage_returns_alerts_total",
        "What support was told of, by kind of alert."
    );
    describe_counter!(
        "vantage_returns_labels_deleted_total",
        "Shipping labels that were deleted because they are old."
    );
    describe_counter!(
        "vantage_returns_reconciled_total",
        "Returns that reconciliation has settled, by outcome."
    );
    describe_gauge!(
        "vantage_returns_refunds_in_doubt",
        "Refunds without a known outcome for an hour."
    );
    describe_counter!(
        "vantage_returns_store_credits_total",
        "Refunds that were given as store credit, by reason."
    );
}
