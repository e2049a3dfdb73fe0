//! The returns subgraph by query, over every database and a small orders subgraph.

mod eligibility;
mod fake_orders;
mod fixture;
mod preview;
mod returns;
