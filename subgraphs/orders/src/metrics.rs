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
    describe_gauge!(
        "vantage_order_payments_unsettled",
        "Payments without a final outcome, by state."
    );
}
