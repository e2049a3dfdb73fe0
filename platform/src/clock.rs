//! The time, injected: rules, timers and tests agree on one "now".

use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use parking_lot::Mutex;

/// Tells the time. Cheap to clone; every clone of a manual clock moves together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved; for tests and reproducible demo data.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(start))))
    }

    /// The time in UTC, to the microsecond: what both databases can store without loss.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now(),
            Source::Manual(now) => *now.lock(),
        }
        .trunc_subsecs(6)
    }

    /// Moves a manual clock; the system's clock is not ours to move.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            *now.lock() += by;
        }
    }
}
