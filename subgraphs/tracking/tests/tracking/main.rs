//! The tracking subgraph by query and subscription, over every database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod carrier;
mod demo;
mod order_tracking;
mod polling;
mod record;
mod return_parcels;
mod shipments;
mod support;
mod watching;
mod webhooks;
