//! The notifications subgraph, tested by query and mutation on every database.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod devices;
mod fixture;
mod preferences;
mod unknown_values;
