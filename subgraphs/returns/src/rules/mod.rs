//! The domain's rules: pure functions of plain values. Public, because the demo data must satisfy them.

pub(crate) mod carrier_scan;
pub mod eligibility;
pub(crate) mod parcel_weight;
pub mod reasons;
pub mod reconciliation;
pub mod refund;
pub(crate) mod refund_schedule;
pub(crate) mod review;
pub mod status;
