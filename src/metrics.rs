//! What each metric of this crate means.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Gives them their help lines.
pub(crate) fn describe() {
    describe_gauge!(
        "vantage_connections",
        "Open connections of clients, on all listeners of the process."
    );
    describe_counter!(
        "vantage_connections_refused_total",
        "Connections that were not served, or answered health checks only, by reason: full or address."
    );
    describe_counter!(
        "vantage_connections_timed_out_total",
        "Connections that were closed, by reason: headers that did not arrive in time, idle, or unread answers."
    );
    describe_counter!(
        "vantage_rest_requests_total",
        "REST requests, by route and status."
    );
    describe_counter!(
        "vantage_rest_fallbacks_total",
        "Questions where an order's parcel is by clients that would rather watch, by what they say keeps them from it."
    );
    describe_histogram!(
        "vantage_rest_request_duration_seconds",
        Unit::Seconds,
        "Time until the answer to a REST request begins, by route."
    );
}
