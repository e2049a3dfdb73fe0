//! Calls to third parties: one client that knows about deadlines, repeats, rate limits and outages, so that
//! a provider's client only knows the provider's formats.
//!
//! Each provider has one [`HttpClient`], shared by all who call it: the rate limit and the circuit breaker
//! are its state. A call carries the name of its operation, which is what logs and metrics show; paths,
//! headers and bodies are never logged.

mod breaker;
mod client;
mod error;
mod policy;
mod rate;
mod redact;
mod request;
mod response;
mod retry;
mod signature;

#[cfg(test)]
mod tests;

pub use breaker::{Admission, CircuitBreaker};
pub use client::{ClientError, HttpClient};
pub use error::{Call, HttpError, Rejection, UnavailableReason};
pub use policy::{Breaker, Policy, Rate};
pub use redact::redact;
pub use request::Request;
pub use response::Response;
pub use signature::{is_body_signature, is_hmac_sha256};
