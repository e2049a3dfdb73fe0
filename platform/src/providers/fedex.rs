//! FedEx's Track API: OAuth client credentials, tracking numbers in a POST.

use serde_json::{Value, json};
use url::Url;

use super::oauth::Tokens;
use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{ClientError, HttpClient, HttpError, Policy, Request};

/// Calls FedEx.
#[derive(Debug)]
pub struct Fedex {
    http: HttpClient,
    tokens: Tokens,
}

impl Fedex {
    /// `base` is the API's address without a path: `https://apis.fedex.com`.
    pub fn new(
        base: Url,
        client_id: &str,
        secret: &Secret,
        policy: Policy,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let http = HttpClient::new("fedex", base, policy, clock.clone())?;
        let grant = Request::post("token", &["oauth", "token"]).form([
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret.expose()),
        ]);
        let tokens = Tokens::new(grant, clock);
        Ok(Self { http, tokens })
    }

    /// The tracking data of a number, with every scan. An unknown number is an error inside a successful response.
    pub async fn track(&self, number: &str) -> Result<Value, HttpError> {
        let body = json!({
            "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": number}}],
            "includeDetailedScans": true,
        });
        let request = |token: &Secret| {
            Request::post("track", &["track", "v1", "trackingnumbers"])
                .bearer(token)
                .header("x-locale", "en_US")
                .json(&body)
                // Only reads.
                .idempotent()
        };
        self.tokens.send(&self.http, request).await?.json()
    }
}
