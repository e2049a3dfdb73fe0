//! The orders subgraph, tested by query on every database.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions, and helper functions need it, too"
)]

mod account;
mod captures;
mod checkout;
mod fake_stripe;
mod fake_subgraphs;
mod faults;
mod fixture;
mod invariants;
mod live;
mod order_cancel;
mod order_place;
mod order_preview;
mod ownership;
mod paging;
mod privacy;
mod refusals;
mod settlement;
mod shipments;
mod statements;
mod stock;
mod stock_adjust;
mod store_credit;
mod support;
mod unknown_values;
mod webhooks;
mod workers;
