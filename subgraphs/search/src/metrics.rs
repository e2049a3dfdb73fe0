//! Descriptions of this domain's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Registers the help lines of this domain's metrics.
pub fn describe() {
    describe_counter!(
        "vantage_search_index_failures_total",
        "Attempts to update or build the search index that failed; they are repeated every second."
    );
    describe_counter!(
        "vantage_search_index_retries_total",
        "Changes of products that the search engine did not take because it was busy, and that were sent again."
    );
    describe_counter!(
        "vantage_search_index_rejections_total",
        "Products that the search engine refused and that searches do not find; the log has the reasons."
    );
    describe_gauge!(
        "vantage_search_index_behind_seconds",
        Unit::Seconds,
        "How long ago the search index was last known to contain what the database does."
    );
    describe_counter!(
        "vantage_search_exposures_dropped_total",
        "Searches of the experiment that were not recorded, because the database did not keep up."
    );
    describe_counter!(
        "vantage_search_rankings_total",
        "Searches whose first results were to be ranked, by what ranks them (model or service) and outcome: ranked, timed_out, failed or paused."
    );
    describe_histogram!(
        "vantage_search_ranking_duration_seconds",
        Unit::Seconds,
        "How long it took to rank the first results of a search, by what ranks them."
    );
}
