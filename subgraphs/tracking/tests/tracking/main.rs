//! The tracking subgraph, tested by query and subscription on every database.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod carrier;
mod demo;
mod fixture;
mod order_shipments;
mod order_tracking;
mod polling;
mod privacy;
mod record_event;
mod return_shipments;
mod shipments;
mod status_events;
mod unknown_values;
mod watching;
mod webhooks;
