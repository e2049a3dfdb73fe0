//! The tracking database.
