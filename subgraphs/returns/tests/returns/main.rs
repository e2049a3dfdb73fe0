//! The returns subgraph by query, over every database and a small orders subgraph.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions, these also share functions"
)]

mod create;
mod desk;
mod eligibility;
mod fake_orders;
mod faults;
mod fixture;
mod labels;
mod live;
mod moves;
mod preview;
mod providers;
mod reconciliation;
mod refunds;
mod returns;
mod siblings;
mod webhooks;
