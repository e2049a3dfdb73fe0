//! Descriptions of the orders domain's metrics.

use metrics::{describe_counter, describe_gauge};

/// Registers the help lines.
pub fn describe() {
    describe_counter!("vantage_orders_placed_total", "Orders placed, by currency.");
    describe_counter!("vantage_order_payments_total", "Payments, by outcome.");
    describe_counter!(
        "vantage_order_payments_resumed_total",
        "Open payments whose task was missing and was enqueued again; should stay zero."
    );
    describe_counter!(
        "vantage_order_payment_mismatches_total",
        "Payments whose amount or currency differs from the order's, by reason."
    );
    describe_counter!(
        "vantage_order_parcel_alerts_total",
        "Parcels of orders that support was alerted about, by reason."
    );
    describe_counter!(
        "vantage_order_authorization_alerts_total",
        "Authorized payments that support was alerted about, by reason."
    );
    describe_gauge!(
        "vantage_order_payments_unsettled",
        "Payments without a final outcome, by state."
    );
    describe_counter!(
        "vantage_orders_reviews_total",
        "Orders that began to wait for a person, by reason."
    );
    describe_counter!(
        "vantage_orders_decisions_total",
        "Decisions of support about orders, by decision."
    );
    describe_counter!(
        "vantage_orders_refunds_total",
        "Refunds by support, by outcome."
    );
    describe_gauge!(
        "vantage_orders_reviews_waiting",
        "Orders that wait for a person."
    );
    describe_gauge!(
        "vantage_orders_oldest_review_seconds",
        "How long the order that waits longest for a person has waited."
    );
}
