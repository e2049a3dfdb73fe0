//! The domain's rules: functions of plain values, no I/O.

pub(crate) mod matrix;
pub(crate) mod topics;
pub(crate) mod update;
