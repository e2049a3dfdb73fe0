//! What each metric of the router means.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Gives them their help lines.
pub fn describe() {
    describe_counter!(
        "router_http_requests_total",
        "HTTP requests to the GraphQL endpoint, by method and status."
    );
    describe_histogram!(
        "router_http_request_duration_seconds",
        Unit::Seconds,
        "Time until the answer to an HTTP request begins, by method."
    );
    describe_counter!(
        "router_operations_total",
        "Operations, by name and client; names beyond the first 1,000 pairs are counted as other."
    );
    describe_counter!(
        "router_operation_errors_total",
        "Operations answered with an error of this code, by name and client."
    );
    describe_counter!(
        "router_persisted_queries_total",
        "Documents that requests named by an id, by outcome: registered, sent_before, not_found, not_supported, or mismatch \
         where the document came with it and is another; and added ones."
    );
    describe_counter!(
        "router_unregistered_operations_total",
        "Operations that a client has not registered, by client and outcome: allowed or refused."
    );
    describe_counter!(
        "router_plan_cache_lookups_total",
        "Operations looked up in the plan cache, by outcome: hit or miss."
    );
    describe_histogram!(
        "router_prepare_seconds",
        Unit::Seconds,
        "Time to parse, validate and plan an operation that was not in the plan cache."
    );
    describe_histogram!(
        "router_plan_seconds",
        Unit::Seconds,
        "Time to plan an operation for callers of one kind."
    );
    describe_counter!(
        "router_admissions_refused_total",
        "Expensive operations whose deadline passed while they waited for others."
    );
    describe_counter!(
        "router_fetches_over_limit_total",
        "Fetches that were not merged because their operation had reached a limit, by limit."
    );
    describe_histogram!(
        "router_fetch_seconds",
        Unit::Seconds,
        "Time of a fetch from a subgraph."
    );
    describe_counter!(
        "router_fetch_entities_total",
        "Entities that were fetched from a subgraph."
    );
    describe_counter!(
        "router_fetch_failures_total",
        "Fetches from a subgraph that brought no answer."
    );
    describe_counter!(
        "router_fetches_shared_total",
        "Fetches that were answered by an equal one on its way."
    );
    describe_counter!(
        "router_circuit_opened_total",
        "How often calls to a subgraph were suspended because it did not answer."
    );
    describe_gauge!("router_subgraph_sockets", "Open WebSockets to subgraphs.");
    describe_counter!(
        "router_connections_refused_total",
        "WebSockets and event streams that were refused, by reason: full, address or rate."
    );
    describe_counter!(
        "router_answers_discarded_total",
        "Answers that were refused because too many were not read yet."
    );
    describe_gauge!(
        "router_websocket_connections",
        "Open WebSockets and event streams of clients."
    );
    describe_counter!(
        "router_websocket_closes_total",
        "WebSockets that were closed, by reason."
    );
    describe_counter!(
        "router_websocket_coalesced_total",
        "Events that slow WebSocket clients did not get because a newer one replaced them."
    );
    describe_counter!(
        "router_stream_closes_total",
        "Event streams over HTTP that ended, by protocol and reason."
    );
    describe_counter!(
        "router_stream_coalesced_total",
        "Events that slow stream clients did not get because a newer one replaced them."
    );
    describe_gauge!(
        "router_subscription_streams",
        "Sources of subscriptions that are open; equal subscriptions share one."
    );
    describe_counter!(
        "router_subscription_events_total",
        "Events of subscriptions."
    );
    describe_counter!(
        "router_subscription_events_skipped_total",
        "Events of subgraphs that were skipped because the router did not keep up."
    );
    describe_counter!(
        "router_subscription_sources_lost_total",
        "Sources of subscriptions that did not come back in time."
    );
    describe_counter!(
        "router_key_set_fetches_total",
        "Fetches of the identity provider's key set, by outcome."
    );
}
