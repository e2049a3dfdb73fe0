//! Whether a database can be written to, as far as is known: from what was written last, or failed to be.

use std::time::Duration;

use metrics::{Gauge, gauge};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::sqlx::error::ErrorKind;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::time::Instant;

/// For so long a success speaks for the next one.
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

/// What is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteHealth {
    /// It was written to a moment ago.
    Writable,
    /// Nothing was written lately.
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

    /// Something was written, for good.
    pub(super) fn record_success(&self) {
        let mut state = self.state();
        state.written_at = Some(Instant::now());
        if std::mem::take(&mut state.is_failing) {
            self.writable.set(1.0);
            tracing::info!(domain = self.domain, "the database can be written to again");
        }
    }

    /// A write failed. One that the data forbids says nothing of the database.
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
