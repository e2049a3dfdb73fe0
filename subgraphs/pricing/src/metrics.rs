//! What each metric of the pricing domain means.

use metrics::{Unit, describe_counter, describe_gauge};

/// Gives them their help lines.
pub fn describe() {
    describe_gauge!(
        "vantage_pricing_rate_age_seconds",
        Unit::Seconds,
        "Time since the exchange rate in use was fetched, by pair."
    );
    describe_gauge!(
        "vantage_pricing_rates_held",
        "Exchange rates that moved too far and wait to be released: see `vantage rates list`."
    );
    describe_counter!(
        "vantage_pricing_rate_fetches_total",
        "Fetches of exchange rates, by outcome: changed, unchanged or failed."
    );
    describe_counter!(
        "vantage_pricing_rate_alerts_total",
        "Exchange rates that people should know of, by alert: held or very_stale."
    );
    describe_counter!(
        "vantage_pricing_rates_confirmed_total",
        "Held exchange rates that are used because a second source confirms them."
    );
    describe_counter!(
        "vantage_pricing_price_changes_total",
        "Changes of prices, by what made them: mutation, import or schedule."
    );
    describe_counter!(
        "vantage_pricing_scheduled_changes_failed_total",
        "Scheduled changes of prices that could not take effect and were set aside."
    );
}
