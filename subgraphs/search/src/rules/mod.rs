//! The domain's rules: pure functions of plain values.

pub(crate) mod analysis;
pub(crate) mod attribution;
pub(crate) mod customs;
pub(crate) mod experiment;
pub(crate) mod match_reasons;
pub(crate) mod packed_vector;
pub(crate) mod parsed_query;
pub(crate) mod preference;
pub(crate) mod price_range;
pub(crate) mod product_vector;
pub(crate) mod ranking_quality;
pub(crate) mod tokens;
