//! The outside world behind small interfaces, each with an embedded and a real form.

pub mod caller;
pub mod clock;
pub mod config;
pub mod database;
pub mod http;
pub mod objects;
pub mod outbox;
pub mod pubsub;
pub mod tables;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
