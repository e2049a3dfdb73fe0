//! The domain's rules: pure functions of plain values.

pub(crate) mod match_reasons;
pub(crate) mod price_range;
pub(crate) mod text;
