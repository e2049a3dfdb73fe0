//! The domain's rules: pure functions of plain values.

pub(crate) mod conversion;
pub(crate) mod detection;
pub(crate) mod freshness;
pub(crate) mod price;
pub(crate) mod rate_jump;
