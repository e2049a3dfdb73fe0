//! When every world begins.

use chrono::{DateTime, Utc};

pub(crate) fn now() -> DateTime<Utc> {
    "2025-10-09T14:30:00Z".parse().unwrap()
}
