//! The pricing database.
