//! The domain's rules: functions of plain values, no I/O. Public, because demo data are made by
//! the rules that judge them.

pub(crate) mod carrier_scan;
pub mod eligibility;
pub(crate) mod parcel_weight;
pub mod reasons;
pub mod reconciliation;
pub mod refund;
pub(crate) mod refund_schedule;
pub mod status;
