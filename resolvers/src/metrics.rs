//! Descriptions of the resolvers' metrics.

use metrics::describe_gauge;

/// Registers the help lines.
pub fn describe() {
    describe_gauge!(
        "vantage_subgraph_requests_active",
        "Requests being executed by a subgraph."
    );
}
