//! The notifications subgraph, tested by query and mutation on every database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod devices;
mod fixture;
mod preferences;
mod unknown_values;
