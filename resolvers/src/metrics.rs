//! What each metric of the resolvers means.

use metrics::describe_gauge;

/// Gives them their help lines.
pub fn describe() {
    describe_gauge!(
        "vantage_subgraph_requests_active",
        "Requests that a subgraph is executing."
    );
}
