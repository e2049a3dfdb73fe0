//! What each metric of the orders domain means.

use metrics::{describe_counter, describe_gauge};

/// Gives them their help lines.
pub fn describe() {
    describe_counter!("vantage_orders_placed_total", "Orders placed, by currency.");
    describe_counter!(
        "vantage_order_payments_total",
        "Payments of orders, by outcome."
    );
    describe_counter!(
        "vantage_order_payments_resumed_total",
        "Open payments that nobody was at, which does not happen: they were taken up again."
    );
    describe_counter!(
        "vantage_order_payment_mismatches_total",
        "Payments whose amount or currency is not the order's, by reason."
    );
    describe_gauge!(
        "vantage_order_payments_unsettled",
        "Payments whose outcome is not known yet, by state."
    );
}
