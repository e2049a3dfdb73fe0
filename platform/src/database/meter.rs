//! Counts a domain's SQL statements, separately for requests and for background work, so that the cost of a page can be
//! measured while background work runs; and shows them in traces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram};
use sea_orm::DbBackend;
use tracing::{Instrument, Span};

use super::connection::Request;
use crate::telemetry::traces;

/// Bytes of a statement shown in traces. Long ones have many placeholders.
const SHOWN: usize = 1_024;

#[derive(Clone)]
pub(super) struct Meter {
    domain: Arc<str>,
    statements: Arc<AtomicU64>,
    total: Counter,
    stopped: Counter,
    duration: Histogram,
}

impl Meter {
    pub(super) fn of_requests(domain: &str) -> Self {
        let name = domain.into();
        let domain = domain.to_owned();
        Self {
            domain: name,
            statements: Arc::default(),
            total: metrics::counter!("vantage_sql_statements_total", "domain" => domain.clone()),
            stopped: metrics::counter!("vantage_sql_statements_stopped_total", "domain" => domain.clone()),
            duration: metrics::histogram!("vantage_sql_duration_seconds", "domain" => domain),
        }
    }

    pub(super) fn of_workers(domain: &str) -> Self {
        let name = domain.into();
        let domain = domain.to_owned();
        Self {
            domain: name,
            statements: Arc::default(),
            total: metrics::counter!("vantage_worker_sql_statements_total", "domain" => domain.clone()),
            stopped: metrics::counter!("vantage_worker_sql_statements_stopped_total", "domain" => domain.clone()),
            duration: metrics::histogram!("vantage_worker_sql_duration_seconds", "domain" => domain),
        }
    }

    /// Runs a statement: counts and measures it, and shows it in the trace of whatever needs it.
    pub(super) async fn measure<T, E>(
        &self,
        backend: DbBackend,
        request: &impl Request,
        statement: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let sql = request.sql();
        #[cfg(any(test, feature = "testing"))]
        if let Some(statement) = request.statement() {
            super::recorder::record(backend, statement);
        }
        let span = self.span(backend, sql);
        let started = Instant::now();
        let answer = statement.instrument(span.clone()).await;
        self.record(sql, started.elapsed(), answer.is_err());
        if answer.is_err() {
            traces::fail(&span, "statement");
        }
        answer
    }

    /// A statement's span for traces. Statements have placeholders for values, which are not shown.
    pub(super) fn span(&self, backend: DbBackend, sql: &str) -> Span {
        tracing::info_span!(
            target: traces::TARGET,
            "statement",
            otel.kind = "client",
            otel.name = verb(sql),
            db.system.name = match backend {
                DbBackend::Sqlite => "sqlite",
                _ => "postgresql",
            },
            db.namespace = &*self.domain,
            db.operation.name = verb(sql),
            db.query.text = shown(sql),
        )
    }

    fn record(&self, sql: &str, elapsed: Duration, failed: bool) {
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

/// The statement's first word.
fn verb(sql: &str) -> &str {
    sql.split_ascii_whitespace().next().unwrap_or_default()
}

fn shown(sql: &str) -> &str {
    &sql[..sql.floor_char_boundary(SHOWN)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_show_the_beginning_of_a_statement_and_its_verb() {
        let sql = "SELECT \"id\" FROM \"orders\" WHERE \"id\" IN (?)";
        assert_eq!((verb(sql), shown(sql)), ("SELECT", sql));
        assert_eq!((verb(""), shown("")), ("", ""));
        let long = format!("SELECT '{}'", "é".repeat(SHOWN));
        assert_eq!(shown(&long).len(), SHOWN);
        let long = format!("SELECT  '{}'", "é".repeat(SHOWN));
        assert_eq!(shown(&long).len(), SHOWN - 1);
    }
}
