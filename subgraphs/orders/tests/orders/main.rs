//! The orders subgraph by query, over every database.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions, these also share functions"
)]

mod account;
mod ownership;
mod paging;
mod shop;
mod statements;
mod workers;
