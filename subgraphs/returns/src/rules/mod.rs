//! The domain's rules: functions of plain values, no I/O. Public, because demo data are made by
//! the rules that judge them.

pub mod eligibility;
pub(crate) mod input;
pub(crate) mod parcel;
pub mod reasons;
pub mod reconciliation;
pub mod refund;
pub(crate) mod refunding;
pub(crate) mod scan;
pub mod status;
