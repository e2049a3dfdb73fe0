//! Tokens for client credentials: kept while they are good, renewed before they are not.

use chrono::{DateTime, TimeDelta, Utc};
use platform::clock::Clock;
use platform::config::Secret;
use platform::http::{HttpClient, HttpError, Request, Response};
use serde::Deserialize;
use tokio::sync::Mutex;

/// How long before its end a token is renewed.
const EARLY: TimeDelta = TimeDelta::minutes(5);

/// The token of one client.
#[derive(Debug)]
pub(super) struct Tokens {
    /// What asks for a token.
    grant: Request,
    current: Mutex<Option<Token>>,
    clock: Clock,
}

#[derive(Clone, Debug)]
struct Token {
    text: Secret,
    renew_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Seconds,
}

/// FedEx writes a number, UPS a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

impl Tokens {
    pub(super) fn new(grant: Request, clock: Clock) -> Self {
        Self {
            grant: grant.idempotent(),
            current: Mutex::default(),
            clock,
        }
    }

    /// Sends what `request` makes of a token. One that the carrier has taken back is replaced once.
    pub(super) async fn send(
        &self,
        http: &HttpClient,
        request: impl Fn(&Secret) -> Request,
    ) -> Result<Response, HttpError> {
        let token = self.token(http, None).await?;
        let answer = http.send(&request(&token)).await;
        let is_refused = answer.as_ref().is_err_and(|error| {
            error
                .rejection()
                .is_some_and(|rejection| rejection.status == 401)
        });
        if !is_refused {
            return answer;
        }
        let token = self.token(http, Some(&token)).await?;
        http.send(&request(&token)).await
    }

    /// The token that is good now and is not the refused one; who comes first asks for all.
    async fn token(
        &self,
        http: &HttpClient,
        refused: Option<&Secret>,
    ) -> Result<Secret, HttpError> {
        let mut current = self.current.lock().await;
        let now = self.clock.now();
        if let Some(token) = &*current
            && token.renew_at > now
            && refused != Some(&token.text)
        {
            return Ok(token.text.clone());
        }
        let granted: Granted = http.send(&self.grant).await?.json()?;
        let seconds = match granted.expires_in {
            Seconds::Number(seconds) => seconds,
            Seconds::Text(text) => text.parse().unwrap_or_default(),
        };
        let lifetime = TimeDelta::try_seconds(seconds).unwrap_or_default();
        let token = Token {
            text: Secret::new(granted.access_token),
            // A short one is used for half of its time.
            renew_at: now + (lifetime - EARLY).max(lifetime / 2),
        };
        *current = Some(token.clone());
        Ok(token.text)
    }
}
