//! Descriptions of the router's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Registers the help lines.
pub fn describe() {
    describe_counter!(
        "router_http_requests_total",
        "HTTP requests to the GraphQL endpoint, by method and status."
    );
    describe_histogram!(
        "router_http_request_duration_seconds",
        Unit::Seconds,
        "Time until the response to an HTTP request begins, by method."
    );
    describe_counter!(
        "router_operations_total",
        "Operations, by name and client; names beyond the first 1,000 pairs are counted as other."
    );
    describe_counter!(
        "router_operation_errors_total",
        "Operations that returned an error, by code, name and client."
    );
    describe_counter!(
        "router_persisted_queries_total",
        "Documents requested by id, by outcome: registered, sent_before, not_found, not_supported, mismatch \
         (the document has another hash) or added."
    );
    describe_counter!(
        "router_unregistered_operations_total",
        "Unregistered operations, by client and outcome: allowed or refused."
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
        "Time to plan one variant of an operation."
    );
    describe_counter!(
        "router_shared_answers_total",
        "Queries that got the answer of an identical query that ran at the same time."
    );
    describe_counter!(
        "router_deferred_errors_total",
        "Errors in deferred parts of responses, by code."
    );
    describe_counter!(
        "router_admissions_refused_total",
        "Expensive operations rejected because their deadline passed while they were queued."
    );
    describe_gauge!(
        "router_overload_limit",
        "Operations that may run at once; follows their durations."
    );
    describe_gauge!("router_overload_running", "Operations that are running.");
    describe_gauge!(
        "router_overload_waiting",
        "Operations that wait for others to end."
    );
    describe_counter!(
        "router_overload_refused_total",
        "Operations refused because of overload, by reason: full (too many wait), displaced (to make room for a client \
         that has less) or waited (too long)."
    );
    describe_counter!(
        "router_fetches_over_limit_total",
        "Fetches discarded because their operation had reached a limit, by limit."
    );
    describe_histogram!(
        "router_fetch_seconds",
        Unit::Seconds,
        "Duration of a fetch from a subgraph."
    );
    describe_counter!(
        "router_fetch_entities_total",
        "Entities fetched from a subgraph."
    );
    describe_counter!(
        "router_fetch_failures_total",
        "Failed fetches from a subgraph."
    );
    describe_counter!(
        "router_fetches_shared_total",
        "Fetches that shared the response of an identical one in flight."
    );
    describe_counter!(
        "router_entity_cache_hits_total",
        "Entities and responses of root fields that were found in the entity cache, by subgraph and type."
    );
    describe_counter!(
        "router_entity_cache_misses_total",
        "Entities and responses of root fields that were not found in the entity cache, by subgraph and type."
    );
    describe_counter!(
        "router_entity_cache_bypasses_total",
        "Fetches without the entity cache, by reason: private (its responses are not public), excluded (its subgraph \
         is), suspended (invalidations may be missed) or written (the caller has just changed something)."
    );
    describe_counter!(
        "router_entity_cache_shared_hits_total",
        "Entities and responses of root fields that were not in the process, but found in Redis, by subgraph and type."
    );
    describe_counter!(
        "router_entity_cache_shared_misses_total",
        "Entities and responses of root fields that were looked up in Redis and not found, by subgraph and type."
    );
    describe_counter!(
        "router_entity_cache_shared_doubts_total",
        "Times that all values in Redis became invalid for this process, since it was not certain that an invalidation \
         was recorded there."
    );
    describe_counter!(
        "router_entity_cache_shared_puts_dropped_total",
        "Responses whose values were not stored in Redis because too many were being stored."
    );
    describe_counter!(
        "router_entity_cache_fills_shared_total",
        "Fetches that waited for an identical one to fill the entity cache."
    );
    describe_counter!(
        "router_entity_cache_refreshes_total",
        "Fetches in the background of values whose time was over, by outcome: stored, shared (another router \
         has stored them) or not_stored."
    );
    describe_counter!(
        "router_entity_cache_invalidations_total",
        "Invalidations of the entity cache, by what they name: caller, entity, type, root_field or all."
    );
    describe_gauge!(
        "router_entity_cache_entries",
        "Entities and responses of root fields in the entity cache."
    );
    describe_gauge!(
        "router_entity_cache_bytes",
        Unit::Bytes,
        "Size of the entity cache."
    );
    describe_counter!(
        "router_circuit_opened_total",
        "Times the circuit breaker of a subgraph opened."
    );
    describe_gauge!("router_subgraph_sockets", "Open WebSockets to subgraphs.");
    describe_counter!(
        "router_connections_refused_total",
        "Rejected WebSockets and event streams, by reason: full, address or rate."
    );
    describe_counter!(
        "router_answers_discarded_total",
        "Requests rejected because too many responses were waiting to be read by clients."
    );
    describe_gauge!(
        "router_websocket_connections",
        "Open WebSockets and event streams of clients."
    );
    describe_counter!(
        "router_websocket_closes_total",
        "Closed WebSockets, by reason."
    );
    describe_histogram!(
        "router_websocket_open_seconds",
        Unit::Seconds,
        "How long closed WebSockets had been open."
    );
    describe_counter!(
        "router_websocket_coalesced_total",
        "Events that slow WebSocket clients missed because a newer one replaced them."
    );
    describe_counter!(
        "router_stream_closes_total",
        "Ended HTTP event streams, by protocol and reason."
    );
    describe_counter!(
        "router_stream_coalesced_total",
        "Events that slow stream clients missed because a newer one replaced them."
    );
    describe_gauge!(
        "router_subscription_streams",
        "Open subscription sources; identical subscriptions share one."
    );
    describe_counter!("router_subscription_events_total", "Subscription events.");
    describe_counter!(
        "router_subscription_events_skipped_total",
        "Subgraph events skipped because the router did not keep up."
    );
    describe_counter!(
        "router_subscription_sources_lost_total",
        "Subscription sources that did not recover in time."
    );
    describe_counter!(
        "router_key_set_fetches_total",
        "Fetches of the identity provider's key set, by outcome."
    );
}
