//! The HTTP client for third parties: handles deadlines, retries, rate limits and outages, so that a provider's client
//! only needs to know the provider's formats.
//!
//! Each provider has one [`HttpClient`], shared by all callers: the rate limit and the circuit breaker are its state.
//! Logs and metrics show the name of a call's operation; paths, headers and bodies are never logged.

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
pub(crate) use retry::retry_after;
pub(crate) use signature::hmac_sha256;
pub use signature::{is_body_signature, is_hmac_sha256};
