//! The vantage binary.
fn main() {}
