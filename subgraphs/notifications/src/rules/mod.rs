//! The domain's rules: functions of plain values, no I/O.

pub(crate) mod preference_matrix;
pub(crate) mod preference_update;
pub(crate) mod topics;
