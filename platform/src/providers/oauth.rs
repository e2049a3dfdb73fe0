//! OAuth access tokens: cached while valid, renewed before they expire.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{HttpClient, HttpError, Request, Response};
use crate::json;

/// How long before its expiry a token is renewed.
const EARLY: TimeDelta = TimeDelta::minutes(5);

/// The current token of one client.
#[derive(Debug)]
pub(super) struct Tokens {
    grant: Grant,
    current: Mutex<Option<Token>>,
    clock: Clock,
}

/// How a token is requested.
enum Grant {
    /// From the API itself, always by the same request.
    Fixed(Box<Request>),
    /// From another address, by a request that is signed each time.
    Signed {
        at: HttpClient,
        request: Box<SignedRequest>,
    },
}

type SignedRequest = dyn Fn(DateTime<Utc>) -> Result<Request, HttpError> + Send + Sync;

#[derive(Clone, Debug)]
struct Token {
    text: Secret,
    renew_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Value,
}

/// How long to use a token without a stated lifetime, unless it is rejected earlier.
const UNKNOWN_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// A lifetime that is longer, or negative, counts as not stated.
const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(365);

impl Granted {
    /// FedEx writes it as a number of seconds, UPS as text.
    fn lifetime(&self) -> TimeDelta {
        json::integer(&self.expires_in)
            .filter(|seconds| (0..=LONGEST_LIFETIME.num_seconds()).contains(seconds))
            .map_or(UNKNOWN_LIFETIME, TimeDelta::seconds)
    }
}

impl Tokens {
    /// Tokens of the API that they are for.
    pub(super) fn new(grant: Request, clock: Clock) -> Self {
        Self::of(Grant::Fixed(Box::new(grant.idempotent())), clock)
    }

    /// Tokens of a token endpoint that wants a request signed at the time.
    pub(super) fn signed(
        at: HttpClient,
        request: impl Fn(DateTime<Utc>) -> Result<Request, HttpError> + Send + Sync + 'static,
        clock: Clock,
    ) -> Self {
        let request = Box::new(request);
        Self::of(Grant::Signed { at, request }, clock)
    }

    fn of(grant: Grant, clock: Clock) -> Self {
        Self {
            grant,
            current: Mutex::default(),
            clock,
        }
    }

    /// Sends the request built by `request` with a token. A token that the provider has revoked is replaced once.
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

    /// A valid token other than the rejected one. Concurrent callers share one token request.
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
        let answer = match &self.grant {
            Grant::Fixed(request) => http.send(request).await?,
            Grant::Signed { at, request } => at.send(&request(now)?.idempotent()).await?,
        };
        let granted: Granted = answer.json()?;
        let lifetime = granted.lifetime();
        let token = Token {
            text: Secret::new(granted.access_token),
            // A short-lived token is renewed halfway through its life.
            renew_at: now + (lifetime - EARLY).max(lifetime / 2),
        };
        *current = Some(token.clone());
        Ok(token.text)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(request) => request.fmt(f),
            Self::Signed { at, .. } => at.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_whatever_is_said_of_its_lifetime() {
        let check = |answer: &str, expected: TimeDelta| {
            let granted: Granted = serde_json::from_str(answer).unwrap();
            assert_eq!(granted.access_token, "t");
            assert_eq!(granted.lifetime(), expected, "{answer}");
        };
        let hour = TimeDelta::hours(1);
        check(r#"{"access_token": "t", "expires_in": 3600}"#, hour);
        check(r#"{"access_token": "t", "expires_in": "3600"}"#, hour);
        for unknown in [
            "null",
            "\"soon\"",
            "[]",
            "9223372036854775807",
            "9000000000000000",
            "-9223372036854775",
        ] {
            let answer = format!(r#"{{"access_token": "t", "expires_in": {unknown}}}"#);
            check(&answer, UNKNOWN_LIFETIME);
        }
        check(r#"{"access_token": "t"}"#, UNKNOWN_LIFETIME);
    }
}
