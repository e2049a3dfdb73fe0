//! What each metric of the platform means.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Gives the metrics of this crate their help lines.
pub fn describe() {
    describe_workers();
    describe_tasks();
    describe_events();
    describe_database();
    describe_calls();
    describe_counter!(
        "vantage_webhooks_total",
        "Webhooks of third parties, by provider and outcome: applied, repeated, ignored, forged, unreadable or failed."
    );
    describe_gauge!(
        "vantage_file_usable",
        "Whether a file that is read again when it changes can be used (1), or the last good one applies (0)."
    );
    describe_counter!(
        "vantage_flag_errors_total",
        "Evaluations of a feature flag that failed and gave its default."
    );
    describe_counter!(
        "vantage_cache_skips_total",
        "Times that a cache left Redis out, by cache and reason: slow (more than 20 ms) or failed."
    );
    describe_counter!(
        "vantage_rate_limit_skips_total",
        "Requests that passed without a limit because Redis did not decide within 20 ms."
    );
    describe_counter!(
        "vantage_log_lines_dropped_total",
        "Log lines that were dropped because the reader of standard error is too slow."
    );
    describe_counter!(
        "vantage_log_write_failures_total",
        "Writes of log lines to standard error that failed."
    );
}

fn describe_tasks() {
    describe_counter!(
        "vantage_tasks_total",
        "Durable tasks that were performed, by domain, kind and outcome: done, waiting, failed, or suspended \
         while a third party is left alone."
    );
    describe_counter!(
        "vantage_tasks_alerts_total",
        "Failures of durable tasks that people should know of: too many in a row, or final."
    );
    describe_gauge!(
        "vantage_tasks_running",
        "Durable tasks that this process performs now."
    );
    describe_gauge!(
        "vantage_tasks_waiting",
        "Durable tasks that are still to be performed, by domain and kind."
    );
    describe_gauge!(
        "vantage_tasks_dead_letters",
        "Durable tasks that are given up: see `vantage tasks list`."
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
        "Runs of a scheduled job in this instance, by outcome: done, failed, or lost to another instance."
    );
    describe_counter!(
        "vantage_swept_rows_total",
        "Old rows of the outbox, the inbox and idempotency keys that were deleted."
    );
}

fn describe_events() {
    describe_counter!(
        "vantage_outbox_published_total",
        "Events that were published from a domain's outbox."
    );
    describe_counter!(
        "vantage_outbox_retries_total",
        "Failed attempts to publish from a domain's outbox."
    );
    describe_counter!(
        "vantage_outbox_dead_letters_total",
        "Events of a domain's outbox that were given up by this instance."
    );
    describe_gauge!(
        "vantage_outbox_age_seconds",
        Unit::Seconds,
        "Age of the oldest event that waits in a domain's outbox."
    );
    describe_gauge!(
        "vantage_outbox_waiting",
        "Events that wait in a domain's outbox."
    );
    describe_gauge!(
        "vantage_outbox_unconfirmed",
        "Published events of a domain's outbox that some consumer is not known to have."
    );
    describe_counter!(
        "vantage_outbox_republished_total",
        "Events that were published again because the event bus had lost them."
    );
    describe_gauge!(
        "vantage_outbox_dead_letters",
        "Events of a domain's outbox that are given up: see `vantage outbox list`."
    );
    describe_counter!(
        "vantage_inbox_received_total",
        "Events that a consumer has received and stored."
    );
    describe_counter!(
        "vantage_inbox_handled_total",
        "Events that a consumer has handled."
    );
    describe_counter!(
        "vantage_inbox_retries_total",
        "Failed attempts of a consumer to handle an event."
    );
    describe_counter!(
        "vantage_inbox_dead_letters_total",
        "Events that a consumer of this instance has given up."
    );
    describe_gauge!("vantage_inbox_waiting", "Events that wait for a consumer.");
    describe_gauge!(
        "vantage_inbox_dead_letters",
        "Events that a consumer has given up."
    );
}

fn describe_database() {
    describe_counter!(
        "vantage_database_syncs_total",
        "Commits that were written through to the disk."
    );
    describe_gauge!(
        "vantage_database_writable",
        "Whether a domain's database takes writes."
    );
    describe_counter!(
        "vantage_sql_statements_total",
        "SQL statements that requests have run."
    );
    describe_histogram!(
        "vantage_sql_duration_seconds",
        Unit::Seconds,
        "Time of the SQL statements of requests."
    );
    describe_counter!(
        "vantage_sql_statements_stopped_total",
        "SQL statements that were stopped because their request had ended."
    );
    describe_counter!(
        "vantage_worker_sql_statements_stopped_total",
        "SQL statements that were stopped because their background task had ended."
    );
    describe_counter!(
        "vantage_worker_sql_statements_total",
        "SQL statements that background tasks have run."
    );
    describe_histogram!(
        "vantage_worker_sql_duration_seconds",
        Unit::Seconds,
        "Time of the SQL statements of background tasks."
    );
}

fn describe_calls() {
    describe_counter!(
        "vantage_external_calls_total",
        "Calls to third parties, by provider, operation and outcome."
    );
    describe_histogram!(
        "vantage_external_call_duration_seconds",
        Unit::Seconds,
        "Time of calls to third parties, retries included."
    );
    describe_counter!(
        "vantage_external_retries_total",
        "Attempts at a call to a third party after the first."
    );
    describe_counter!(
        "vantage_external_circuit_opened_total",
        "How often calls to a third party were suspended because it did not answer."
    );
    describe_histogram!(
        "vantage_external_queue_seconds",
        Unit::Seconds,
        "How long calls waited for a third party's rate limit."
    );
}
