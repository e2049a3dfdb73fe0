//! The returns subgraph, tested by query on every database with a fake orders subgraph.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions, and helper functions need it, too"
)]

mod desk;
mod eligibility;
mod fake_orders;
mod fake_search;
mod faults;
mod fixture;
mod international;
mod invariants;
mod labels;
mod live;
mod privacy;
mod providers;
mod reconciliation;
mod refunds;
mod return_cancel;
mod return_create;
mod return_preview;
mod returns;
mod siblings;
mod support;
mod support_kit;
mod transitions;
mod unvoided_labels;
mod webhooks;
