//! The query planner of Hive Router, which is a module of its crate, as a crate of its own.

pub mod query_planner;

pub use query_planner::*;
