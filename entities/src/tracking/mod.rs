//! The tracking database.

pub mod change;
pub mod event;
pub mod shipment;

/// Rows of one INSERT at most: PostgreSQL binds 65,535 values a statement, SQLite 32,766, and no
/// table here has more than 16 columns.
const INSERT_CHUNK: usize = 2_000;
