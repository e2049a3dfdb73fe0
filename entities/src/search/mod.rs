//! The search database.

pub mod product;
pub mod signal;
