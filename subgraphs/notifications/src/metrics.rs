//! Descriptions of the notifications domain's metrics.

use metrics::{Unit, describe_counter, describe_gauge};

/// Registers the help lines.
pub fn describe() {
    describe_counter!(
        "vantage_notifications_total",
        "Messages to customers, by channel, category and outcome: sent, failed (will be retried), dead_lettered or suppressed."
    );
    describe_gauge!(
        "vantage_notifications_dead_letters",
        "Messages to customers that were given up; see `vantage notifications dead-letters`."
    );
    describe_counter!(
        "vantage_notifications_unsubscribed_total",
        "Customers who unsubscribed by a link in an email, by category."
    );
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
    describe_counter!(
        "vantage_topic_changes_total",
        "Devices that the push service was asked to subscribe to topics or to unsubscribe, by action and outcome: done, unknown_token, refused or failed."
    );
    describe_gauge!(
        "vantage_topic_changes_pending",
        "Devices and topics that wait for the push service."
    );
    describe_counter!(
        "vantage_deals_total",
        "Deals by outcome: scheduled, opted_out, quiet_hours or unknown_customer when they are scheduled; later sent, skipped, given_up, queued, failed, expired, opted_out, erased or put_off."
    );
    describe_gauge!(
        "vantage_deals_waiting",
        "Deals that wait for their time or their turn."
    );
    describe_gauge!(
        "vantage_deals_due",
        "Deals whose time has come and that are not sent yet."
    );
    describe_gauge!(
        "vantage_deals_handed_on",
        "Deals that are being sent, or are in a queue outside of the database."
    );
}
