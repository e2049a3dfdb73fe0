//! DHL's Shipment Tracking Unified API: key in a header, one tracking number per call.

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
    /// `base` is the API's address without a path: `https://api-eu.dhl.com`.
    pub fn new(base: Url, key: Secret, policy: Policy, clock: Clock) -> Result<Self, ClientError> {
        let http = HttpClient::new("dhl", base, policy, clock)?;
        Ok(Self { http, key })
    }

    /// The tracking data of a number; 404 if DHL has not seen it.
    pub async fn track(&self, number: &str) -> Result<Value, HttpError> {
        let request = Request::get("track", &["track", "shipments"])
            .query("trackingNumber", number)
            .header("dhl-api-key", self.key.expose());
        self.http.send(&request).await?.json()
    }
}
