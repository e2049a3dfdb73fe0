//! The search database.
