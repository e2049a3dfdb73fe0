//! The orders database.
