//! The orders subgraph by query, over every database.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions, these also share functions"
)]

mod account;
mod cancel;
mod checkout;
mod others;
mod ownership;
mod paging;
mod place;
mod refusals;
mod settlement;
mod shop;
mod statements;
mod stripe;
mod webhooks;
mod workers;
