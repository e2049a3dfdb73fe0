//! The domain's rules: functions of plain values, no I/O.

pub(crate) mod conversion;
pub(crate) mod detection;
pub(crate) mod freshness;
pub(crate) mod price;
