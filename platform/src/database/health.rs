//! Whether a database accepts writes, judged by the latest attempts.

use std::time::Duration;

use metrics::{Gauge, gauge};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::sqlx::error::ErrorKind;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::time::Instant;

/// How long a successful write counts as recent.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Health {
    domain: String,
    state: Mutex<State>,
    writable: Gauge,
}

#[derive(Debug, Default)]
struct State {
    written_at: Option<Instant>,
    is_failing: bool,
}

/// The latest knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteHealth {
    /// A write succeeded just now.
    Writable,
    /// No recent write.
    Unknown,
    /// The last write failed.
    Failing,
}

impl Health {
    pub(super) fn new(domain: &str) -> Self {
        let writable = gauge!("vantage_database_writable", "domain" => domain.to_owned());
        writable.set(1.0);
        Self {
            domain: domain.to_owned(),
            state: Mutex::default(),
            writable,
        }
    }

    pub(super) fn status(&self) -> WriteHealth {
        let state = self.state();
        match state.written_at {
            _ if state.is_failing => WriteHealth::Failing,
            Some(at) if at.elapsed() < FRESH => WriteHealth::Writable,
            _ => WriteHealth::Unknown,
        }
    }

    /// Records a durable write.
    pub(super) fn record_success(&self) {
        let mut state = self.state();
        state.written_at = Some(Instant::now());
        if std::mem::take(&mut state.is_failing) {
            self.writable.set(1.0);
            tracing::info!(domain = self.domain, "the database accepts writes again");
        }
    }

    /// Records a failed write. A constraint violation says nothing about the database's health.
    pub(super) fn record_failure(&self, error: &DbErr) {
        if is_of_the_data(error) {
            return;
        }
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_failing, true) {
            self.writable.set(0.0);
            tracing::error!(domain = self.domain, %error, "a write to the database failed");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

fn is_of_the_data(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    match &**error {
        sqlx::Error::Database(error) => !matches!(error.kind(), ErrorKind::Other),
        _ => false,
    }
}
