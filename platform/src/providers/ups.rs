//! UPS's Tracking API: OAuth client credentials, one tracking number per call.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::oauth::Tokens;
use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{ClientError, HttpClient, HttpError, Policy, Request};

/// Calls UPS.
#[derive(Debug)]
pub struct Ups {
    http: HttpClient,
    tokens: Tokens,
}

impl Ups {
    /// `base` is the API's address without a path: `https://onlinetools.ups.com`.
    pub fn new(
        base: Url,
        client_id: &str,
        secret: &Secret,
        policy: Policy,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let http = HttpClient::new("ups", base, policy, clock.clone())?;
        let pair = STANDARD.encode(format!("{client_id}:{}", secret.expose()));
        let grant = Request::post("token", &["security", "v1", "oauth", "token"])
            .header("authorization", format!("Basic {pair}"))
            .form([("grant_type", "client_credentials")]);
        let tokens = Tokens::new(grant, clock);
        Ok(Self { http, tokens })
    }

    /// The tracking data of a number; 404 if UPS has not seen it.
    pub async fn track(&self, number: &str) -> Result<Value, HttpError> {
        let call = Uuid::now_v7().simple().to_string();
        let request = |token: &Secret| {
            Request::get("track", &["api", "track", "v1", "details", number])
                .bearer(token)
                // UPS requires both and shows them in its own logs.
                .header("transid", call.clone())
                .header("transactionsrc", "vantage")
        };
        self.tokens.send(&self.http, request).await?.json()
    }
}
