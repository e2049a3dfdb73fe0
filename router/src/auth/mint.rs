//! Issues development tokens, signed with the development secret, for trying things out and for tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::config::{AuthConfig, AuthConfigError, MIN_SECRET_BYTES};

/// The content of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// The customer's public id.
    pub subject: String,
    pub scopes: Vec<String>,
    /// How long the token is valid.
    pub ttl: Duration,
}

/// Signs tokens that a [`JwtVerifier`](super::JwtVerifier) of the same configuration accepts.
pub struct DevelopmentKey {
    key: EncodingKey,
    issuer: Option<String>,
    audience: Option<String>,
}

/// The token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the token could not be signed")]
pub struct MintError(#[source] jsonwebtoken::errors::Error);

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    iat: u64,
    exp: u64,
}

impl DevelopmentKey {
    /// `None` when the configuration has no development secret.
    pub fn from_config(config: &AuthConfig) -> Result<Option<Self>, AuthConfigError> {
        let Some(secret) = &config.development_secret else {
            return Ok(None);
        };
        if secret.expose().len() < MIN_SECRET_BYTES {
            return Err(AuthConfigError::ShortSecret);
        }
        Ok(Some(Self {
            key: EncodingKey::from_secret(secret.expose().as_bytes())
                .map_err(|_| AuthConfigError::ShortSecret)?,
            issuer: config.issuer.clone(),
            audience: config.audiences.first().cloned(),
        }))
    }

    /// A signed token, valid from `now` on.
    pub fn mint(&self, token: &NewToken, now: SystemTime) -> Result<String, MintError> {
        let seconds = |time: SystemTime| {
            time.duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs()
        };
        let claims = Claims {
            sub: &token.subject,
            scope: token.scopes.join(" "),
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
            iat: seconds(now),
            exp: seconds(now + token.ttl),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key).map_err(MintError)
    }
}

impl std::fmt::Debug for DevelopmentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DevelopmentKey(…)")
    }
}
