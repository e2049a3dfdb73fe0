//! The domain's rules: functions of plain values, no I/O.

pub(crate) mod actions;
pub(crate) mod address;
pub(crate) mod checkout;
pub(crate) mod input;
pub(crate) mod line;
pub(crate) mod payment;
pub(crate) mod progress;
pub(crate) mod settlement;
pub(crate) mod totals;
