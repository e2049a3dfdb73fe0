//! One file for each command of the command line.

pub(crate) mod anonymize;
pub(crate) mod backup;
pub(crate) mod catalog;
pub(crate) mod client;
pub(crate) mod compose;
pub(crate) mod config;
pub(crate) mod deals;
mod file_import;
pub(crate) mod migrate;
pub(crate) mod notifications;
pub(crate) mod operations;
pub(crate) mod outbox;
pub(crate) mod prices;
pub(crate) mod rates;
pub(crate) mod router;
pub(crate) mod sandbox;
pub(crate) mod schema;
mod schema_check;
pub(crate) mod search;
pub(crate) mod seed;
pub(crate) mod serve;
pub(crate) mod stock;
pub(crate) mod subgraph;
pub(crate) mod tasks;
pub(crate) mod token;
pub(crate) mod webhooks;
