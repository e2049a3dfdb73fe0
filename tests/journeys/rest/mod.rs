//! The REST routes as used by clients of the replaced system, starting with that system's documented samples.

mod client;
mod errors;
mod generated_client;
mod idempotency;
mod preferences;
mod rates;
mod returns;
mod shop;
mod socket;
mod tracking;
