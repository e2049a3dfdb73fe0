//! The router against small subgraphs, over both transports.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod access;
mod circuit;
mod conditions;
mod errors;
mod federation;
mod headers;
mod in_process;
mod introspection;
mod kit;
mod limits;
mod planner;
mod rules;
mod subscriptions;
mod supergraphs;
mod variables;
