//! The domain's rules: pure functions of plain values.

pub(crate) mod budget;
pub(crate) mod current_status;
pub(crate) mod dedupe;
pub(crate) mod demo_route;
pub(crate) mod observation;
pub(crate) mod staleness;
pub(crate) mod status;
pub(crate) mod status_codes;
