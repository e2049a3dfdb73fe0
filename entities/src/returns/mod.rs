//! The returns database.
