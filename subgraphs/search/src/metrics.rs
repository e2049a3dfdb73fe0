//! Descriptions of this domain's metrics.

use metrics::{Unit, describe_counter, describe_gauge};

/// Registers the help lines of this domain's metrics.
pub fn describe() {
    describe_counter!(
        "vantage_search_index_failures_total",
        "Attempts to update or build the search index that failed; they are repeated every second."
    );
    describe_gauge!(
        "vantage_search_index_behind_seconds",
        Unit::Seconds,
        "How long ago the search index was last known to contain what the database does."
    );
}
