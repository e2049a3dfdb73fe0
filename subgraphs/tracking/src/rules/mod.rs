//! The domain's rules: functions of plain values, no I/O.

pub(crate) mod budget;
pub(crate) mod carrier_time;
pub(crate) mod codes;
pub(crate) mod news;
pub(crate) mod place;
pub(crate) mod progress;
pub(crate) mod route;
pub(crate) mod staleness;
