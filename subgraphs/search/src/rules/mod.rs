//! The domain's rules: functions of plain values, no I/O.

pub(crate) mod match_reasons;
pub(crate) mod price_range;
pub(crate) mod text;
