//! Clients of the third parties that domains call: protocol, authentication and response types.
//!
//! A client knows its provider's protocol and nothing of a domain: orders, returns and tracking decide what an answer
//! means for them.

pub mod aws;
pub mod dhl;
pub mod easypost;
pub mod fcm;
pub mod fedex;
mod oauth;
pub mod open_exchange_rates;
pub mod ranking_service;
pub(crate) mod s3;
pub mod smtp;
pub mod sqs;
pub mod stripe;
pub mod twilio;
pub mod ups;
