//! A provider's response, read to its end.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::error::{Call, HttpError};
use crate::json;

/// A successful response: 2xx, or 304 to a conditional request.
#[derive(Clone)]
pub struct Response {
    pub(super) call: Call,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) had_effect: bool,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Parses the body as JSON, leniently. [`HttpError::Malformed`] gives the position of an error without quoting the
    /// body; it is logged here, as the client logs the failures of the call itself.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        json::from_slice(&self.body).map_err(|error| {
            let error = HttpError::Malformed {
                call: self.call,
                what: format!(
                    "{:?} error in JSON, line {} column {}",
                    error.classify(),
                    error.line(),
                    error.column()
                ),
                in_doubt: self.had_effect,
            };
            let call = self.call;
            metrics::counter!("vantage_external_unreadable_total", "provider" => call.provider, "operation" => call.operation)
                .increment(1);
            call.log(&error);
            error
        })
    }
}

/// Hides the contents: bodies contain customer data.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { call, status, .. } = self;
        write!(f, "Response({call}, {status}, {} bytes)", self.body.len())
    }
}
