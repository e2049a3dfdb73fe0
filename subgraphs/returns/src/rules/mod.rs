//! The domain's rules: pure functions of plain values. Public, because the demo data must satisfy them.

pub(crate) mod carrier_scan;
pub mod eligibility;
pub mod parcel;
pub mod reasons;
pub mod reconciliation;
pub mod refund;
pub(crate) mod review;
pub mod status;
