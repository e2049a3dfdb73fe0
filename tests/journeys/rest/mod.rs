//! REST, as clients of the system that this graph replaces speak it: that system's own sample requests first.

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
