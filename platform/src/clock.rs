//! An injected clock, so that rules, timers and tests agree on one "now".

use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use parking_lot::Mutex;

/// Cheap to clone; all clones of a manual clock advance together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is advanced; for tests and reproducible demo data.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(start))))
    }

    /// The time in UTC, truncated to microseconds: both databases store that without loss.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now(),
            Source::Manual(now) => *now.lock(),
        }
        .trunc_subsecs(6)
    }

    /// Advances a manual clock; does nothing to the system clock.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            *now.lock() += by;
        }
    }
}
