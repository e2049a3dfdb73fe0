//! The search subgraph, tested by query on every database and the embedded index.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod catalog_import;
mod entities_and_signals;
mod experiment;
mod failures;
mod index_worker;
mod kit;
mod other_domains;
mod personal_kit;
mod personalization;
mod processes;
mod ranking;
mod ranking_kit;
mod ranking_service;
mod relevance;

mod results;
mod signals;
