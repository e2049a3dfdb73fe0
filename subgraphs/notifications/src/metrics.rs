//! Descriptions of the notifications domain's metrics.

use metrics::{Unit, describe_counter, describe_gauge};

/// Registers the help lines.
pub fn describe() {
    describe_counter!(
        "vantage_partner_webhooks_total",
        "Attempts to send a partner's webhooks, by client and outcome: delivered, failed, given_up or disabled."
    );
    describe_counter!(
        "vantage_partner_webhooks_expired_total",
        "Events that were no longer kept before a partner's webhook accepted them, by client."
    );
    describe_gauge!(
        "vantage_partner_webhooks_waiting",
        "Events waiting to be sent to a partner's webhook, counted up to 10,000; 0 while it is disabled."
    );
    describe_gauge!(
        "vantage_partner_webhooks_age_seconds",
        Unit::Seconds,
        "Age of the oldest event waiting to be sent to a partner's webhook."
    );
    describe_gauge!(
        "vantage_partner_webhooks_dead_letters",
        "Events that a partner's webhook did not accept; see `vantage webhooks dead-letters`."
    );
    describe_gauge!(
        "vantage_partner_webhooks_disabled",
        "Whether a partner's webhook is disabled because its receiver answered 410 Gone."
    );
}
