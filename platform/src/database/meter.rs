//! Counts a domain's SQL statements, separately for requests and for background work, so that the cost of a page can be
//! measured while background work runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Histogram};

#[derive(Clone)]
pub(super) struct Meter {
    statements: Arc<AtomicU64>,
    total: Counter,
    stopped: Counter,
    duration: Histogram,
}

impl Meter {
    pub(super) fn of_requests(domain: &str) -> Self {
        let domain = domain.to_owned();
        Self {
            statements: Arc::default(),
            total: metrics::counter!("vantage_sql_statements_total", "domain" => domain.clone()),
            stopped: metrics::counter!("vantage_sql_statements_stopped_total", "domain" => domain.clone()),
            duration: metrics::histogram!("vantage_sql_duration_seconds", "domain" => domain),
        }
    }

    pub(super) fn of_workers(domain: &str) -> Self {
        let domain = domain.to_owned();
        Self {
            statements: Arc::default(),
            total: metrics::counter!("vantage_worker_sql_statements_total", "domain" => domain.clone()),
            stopped: metrics::counter!("vantage_worker_sql_statements_stopped_total", "domain" => domain.clone()),
            duration: metrics::histogram!("vantage_worker_sql_duration_seconds", "domain" => domain),
        }
    }

    pub(super) fn record(&self, sql: &str, elapsed: Duration, failed: bool) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.total.increment(1);
        self.duration.record(elapsed.as_secs_f64());
        tracing::trace!(sql, failed, "statement");
    }

    /// Counts a statement that was stopped because nobody waits for it.
    pub(super) fn stopped(&self) {
        self.stopped.increment(1);
    }

    /// Statements so far.
    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter")
            .field("statements", &self.statements())
            .finish_non_exhaustive()
    }
}
