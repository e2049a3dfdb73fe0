//! The domain's rules: functions of plain values, no I/O.

pub(crate) mod progress;
pub(crate) mod route;
pub(crate) mod staleness;
