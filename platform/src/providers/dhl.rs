//! DHL's Shipment Tracking, Unified: the key in a header, one number a call.

use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{ClientError, HttpClient, HttpError, Policy, Request};

/// Calls DHL.
#[derive(Debug)]
pub struct Dhl {
    http: HttpClient,
    key: Secret,
}

impl Dhl {
    /// `base` is where the API is without a path: `https://api-eu.dhl.com`.
    pub fn new(base: Url, key: Secret, policy: Policy, clock: Clock) -> Result<Self, ClientError> {
        let http = HttpClient::new("dhl", base, policy, clock)?;
        Ok(Self { http, key })
    }

    /// What DHL knows of a number; 404 if it has not seen it.
    pub async fn track(&self, number: &str) -> Result<Value, HttpError> {
        let request = Request::get("track", &["track", "shipments"])
            .query("trackingNumber", number)
            .header("dhl-api-key", self.key.expose());
        self.http.send(&request).await?.json()
    }
}
