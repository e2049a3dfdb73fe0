//! Descriptions of the returns domain's metrics.

use metrics::{describe_counter, describe_gauge};

/// Registers the help lines.
pub fn describe() {
    describe_counter!("vantage_returns_alerts_total", "Support alerts, by kind.");
    describe_counter!(
        "vantage_returns_labels_deleted_total",
        "Shipping labels deleted because of their age."
    );
    describe_counter!(
        "vantage_returns_reconciled_total",
        "Returns settled by reconciliation, by outcome."
    );
    describe_gauge!(
        "vantage_returns_refunds_in_doubt",
        "Refunds whose outcome has been unknown for an hour."
    );
    describe_counter!(
        "vantage_returns_store_credits_total",
        "Refunds given as store credit, by reason."
    );
    describe_counter!(
        "vantage_returns_unknown_scans_total",
        "Scans from EasyPost whose status is unknown, and which were ignored."
    );
    describe_counter!(
        "vantage_returns_reviews_total",
        "Returns that began to wait for a person, by reason."
    );
    describe_counter!(
        "vantage_returns_decisions_total",
        "Decisions of support about returns, by decision."
    );
    describe_gauge!(
        "vantage_returns_reviews_waiting",
        "Returns that wait for a person."
    );
    describe_gauge!(
        "vantage_returns_oldest_review_seconds",
        "How long the return that waits longest for a person has waited."
    );
}
