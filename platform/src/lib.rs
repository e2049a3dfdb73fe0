//! The outside world behind small interfaces, each with an embedded and a real form.

pub mod caller;
pub mod config;
