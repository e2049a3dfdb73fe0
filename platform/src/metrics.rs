//! Descriptions of the platform's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Registers the help lines of this crate's metrics.
pub fn describe() {
    describe_workers();
    describe_tasks();
    describe_events();
    describe_database();
    describe_calls();
    describe_counter!(
        "vantage_webhooks_total",
        "Webhooks received from third parties, by provider and outcome: applied, repeated, ignored, forged, unreadable or failed."
    );
    describe_gauge!(
        "vantage_file_usable",
        "Whether a reloaded file is valid (1), or its last valid version is in use (0)."
    );
    describe_counter!(
        "vantage_flag_errors_total",
        "Feature flag evaluations that failed and returned the default."
    );
    describe_counter!(
        "vantage_cache_skips_total",
        "Cache operations that skipped Redis, by cache and reason: slow (more than 20 ms, unless the cache has a time of \
         its own), failed, open (after several failures), reconnected (the server must be recognized first) or too_many \
         (keys)."
    );
    describe_gauge!("vantage_redis_up", "Whether Redis answers (1) or not (0).");
    describe_counter!(
        "vantage_rate_limit_skips_total",
        "Requests admitted without a rate limit because Redis did not answer within 20 ms."
    );
    describe_counter!(
        "vantage_log_lines_dropped_total",
        "Log lines dropped because standard error is read too slowly."
    );
    describe_counter!(
        "vantage_log_write_failures_total",
        "Failed writes of log lines to standard error."
    );
    describe_counter!(
        "vantage_traces_exported_total",
        "Spans that the trace collector has accepted."
    );
    describe_counter!(
        "vantage_traces_dropped_total",
        "Spans of traces that were lost, by reason: the queue or the buffer was full, or the export failed."
    );
}

fn describe_tasks() {
    describe_counter!(
        "vantage_tasks_total",
        "Durable task runs, by domain, kind and outcome: done, waiting, failed, suspended \
         while a circuit breaker is open, or early: a request ran it before it was due, and it failed."
    );
    describe_counter!(
        "vantage_tasks_alerts_total",
        "Durable task failures that need attention: too many in a row, or final."
    );
    describe_gauge!(
        "vantage_object_store_up",
        "Whether the bucket of objects can be used (1) or not (0)."
    );
    describe_gauge!(
        "vantage_tasks_running",
        "Durable tasks running in this process."
    );
    describe_gauge!(
        "vantage_tasks_waiting",
        "Pending durable tasks, by domain and kind."
    );
    describe_gauge!(
        "vantage_tasks_dead_letters",
        "Durable tasks given up; see `vantage tasks list`."
    );
}

fn describe_workers() {
    describe_gauge!(
        "vantage_worker_up",
        "Whether a background task runs (1) or waits to be restarted (0)."
    );
    describe_counter!(
        "vantage_worker_restarts_total",
        "Restarts of a background task that panicked or ended."
    );
    describe_counter!(
        "vantage_job_runs_total",
        "Scheduled job runs in this instance, by outcome: done, failed, or lost to another instance."
    );
    describe_counter!(
        "vantage_swept_rows_total",
        "Old rows deleted from the outbox, the inbox and the idempotency keys."
    );
}

fn describe_events() {
    describe_counter!(
        "vantage_outbox_published_total",
        "Events published from a domain's outbox."
    );
    describe_counter!(
        "vantage_outbox_retries_total",
        "Failed attempts to publish from a domain's outbox."
    );
    describe_counter!(
        "vantage_outbox_dead_letters_total",
        "Outbox events given up by this instance."
    );
    describe_gauge!(
        "vantage_outbox_age_seconds",
        Unit::Seconds,
        "Age of the oldest event waiting in a domain's outbox."
    );
    describe_gauge!(
        "vantage_outbox_waiting",
        "Events waiting in a domain's outbox."
    );
    describe_gauge!(
        "vantage_outbox_unconfirmed",
        "Published outbox events not yet confirmed by every consumer."
    );
    describe_counter!(
        "vantage_outbox_republished_total",
        "Events republished because the event bus had lost them."
    );
    describe_gauge!(
        "vantage_outbox_dead_letters",
        "Outbox events given up; see `vantage outbox list`."
    );
    describe_gauge!(
        "vantage_bus_lag",
        "Messages in Kafka that a consumer has not received, of the partitions assigned to this instance."
    );
    describe_counter!(
        "vantage_bus_dead_letters_total",
        "Messages in Kafka that are no events and were moved to a dead-letter topic."
    );
    describe_counter!(
        "vantage_inbox_received_total",
        "Events received and stored by a consumer."
    );
    describe_counter!(
        "vantage_inbox_handled_total",
        "Events handled by a consumer."
    );
    describe_counter!(
        "vantage_inbox_retries_total",
        "Failed attempts to handle an event."
    );
    describe_counter!(
        "vantage_inbox_dead_letters_total",
        "Events given up by a consumer in this instance."
    );
    describe_gauge!("vantage_inbox_waiting", "Events waiting for a consumer.");
    describe_gauge!(
        "vantage_inbox_dead_letters",
        "Events given up by a consumer."
    );
}

fn describe_database() {
    describe_counter!("vantage_database_syncs_total", "Commits flushed to disk.");
    describe_gauge!(
        "vantage_database_writable",
        "Whether a domain's database accepts writes."
    );
    describe_counter!(
        "vantage_sql_statements_total",
        "SQL statements run by requests."
    );
    describe_histogram!(
        "vantage_sql_duration_seconds",
        Unit::Seconds,
        "Duration of SQL statements run by requests."
    );
    describe_counter!(
        "vantage_sql_statements_stopped_total",
        "SQL statements stopped because their request had ended."
    );
    describe_counter!(
        "vantage_worker_sql_statements_stopped_total",
        "SQL statements stopped because their background task had ended."
    );
    describe_counter!(
        "vantage_worker_sql_statements_total",
        "SQL statements run by background tasks."
    );
    describe_histogram!(
        "vantage_worker_sql_duration_seconds",
        Unit::Seconds,
        "Duration of SQL statements run by background tasks."
    );
}

fn describe_calls() {
    describe_counter!(
        "vantage_external_calls_total",
        "Calls to third parties, by provider, operation and outcome."
    );
    describe_counter!(
        "vantage_external_unreadable_total",
        "Successful responses of third parties that are not the JSON they document, by provider and operation."
    );
    describe_histogram!(
        "vantage_external_call_duration_seconds",
        Unit::Seconds,
        "Duration of calls to third parties, retries included."
    );
    describe_counter!(
        "vantage_external_retries_total",
        "Retried attempts at calls to third parties."
    );
    describe_counter!(
        "vantage_external_circuit_opened_total",
        "Times the circuit breaker of a third party opened."
    );
    describe_histogram!(
        "vantage_external_queue_seconds",
        Unit::Seconds,
        "Time calls waited for a third party's rate limit."
    );
}
