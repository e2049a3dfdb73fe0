//! The engine over an OpenSearch or Elasticsearch cluster. Tests that need a real node are ignored unless
//! `tests/search-nodes/run.sh` runs them.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod connection;
mod faults;
mod kit;
mod node;
mod preference;
mod proxy;
mod rebuild;
mod writes;
