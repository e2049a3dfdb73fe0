//! The search subgraph, tested by query on every database and the embedded index.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod entities_and_signals;
mod failures;
mod kit;
mod relevance;
mod restock;
mod results;
