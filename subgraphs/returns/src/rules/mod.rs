//! The domain's rules: functions of plain values, no I/O. Public, because demo data are made by
//! the rules that judge them.

pub mod eligibility;
pub(crate) mod input;
pub mod reasons;
pub mod reconciliation;
pub mod refund;
pub mod status;
