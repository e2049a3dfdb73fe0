//! Descriptions of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Registers the help lines.
pub(crate) fn describe() {
    describe_gauge!(
        "vantage_connections",
        "Open client connections, over all listeners of the process."
    );
    describe_counter!(
        "vantage_connections_refused_total",
        "Connections refused or limited to health checks, by reason: full or address."
    );
    describe_counter!(
        "vantage_connections_timed_out_total",
        "Connections closed, by reason: late headers, idle, or unread responses."
    );
    describe_counter!(
        "vantage_mcp_requests_total",
        "Requests of the Model Context Protocol, by status."
    );
    describe_histogram!(
        "vantage_mcp_request_duration_seconds",
        Unit::Seconds,
        "Time until the response to a request of the Model Context Protocol begins."
    );
    describe_counter!(
        "vantage_rest_requests_total",
        "REST requests, by route and status."
    );
    describe_counter!(
        "vantage_rest_fallbacks_total",
        "Polls of an order's parcel by clients that cannot watch it, by the reason they give."
    );
    describe_histogram!(
        "vantage_rest_request_duration_seconds",
        Unit::Seconds,
        "Time until the response to a REST request begins, by route."
    );
}
