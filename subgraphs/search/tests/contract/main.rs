//! What every engine must do, by cases that run against any of them. Here they run against the embedded engine.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod cases;
mod catalog;
mod embedded;
mod shop;
