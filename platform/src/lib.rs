//! Infrastructure behind small interfaces, each with an embedded and an external implementation.

pub mod backoff;
pub mod bus;
pub mod cache;
pub mod caller;
pub mod card_number;
pub mod carriers;
pub mod clock;
pub mod config;
pub mod connection_registry;
pub mod database;
pub mod error_code;
pub mod flags;
pub mod http;
pub mod inbox;
pub mod jobs;
pub mod json;
pub mod metrics;
pub mod objects;
pub mod outbox;
pub mod panics;
pub mod providers;
pub mod pubsub;
mod queue;
pub mod rate_limit;
mod redis_connection;
pub mod reload;
mod retry;
pub mod supervisor;
mod sweep;
pub mod tables;
pub mod tasks;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod webhooks;
pub mod workers;
pub mod yaml;
