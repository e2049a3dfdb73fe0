//! Authenticates calls to Google: with tokens that a service account's key gets, or with a given token.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{Call, ClientError, HttpClient, HttpError, Policy, Request, Response};
use crate::providers::oauth::Tokens;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const PROVIDER: &str = "google_oauth";
const OPERATION: &str = "token";
/// Google's longest validity of an assertion.
const ASSERTION_SECONDS: i64 = 3_600;

/// How calls are authenticated.
#[derive(Debug)]
pub(super) enum AccessToken {
    /// Sent as it is, such as to an emulator.
    Given(Secret),
    ServiceAccount(Tokens),
}

/// Why a service account's key cannot be used. Never shows it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAccountError {
    #[error("the service account's key file needs client_email, private_key and token_uri")]
    Incomplete,
    #[error("the private key in the service account's key file is not an RSA key in PEM")]
    PrivateKey,
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// A service account's key file, as Google writes it.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(default)]
    private_key_id: Option<String>,
    private_key: String,
    client_email: String,
    token_uri: Url,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl AccessToken {
    /// `key` is the content of a key file if it is a JSON object, and an access token otherwise.
    pub(super) fn new(key: &Secret, clock: Clock) -> Result<Self, ServiceAccountError> {
        if !key.expose().trim_start().starts_with('{') {
            return Ok(Self::Given(key.clone()));
        }
        let file: KeyFile =
            serde_json::from_str(key.expose()).map_err(|_| ServiceAccountError::Incomplete)?;
        let signing = EncodingKey::from_rsa_pem(file.private_key.as_bytes())
            .map_err(|_| ServiceAccountError::PrivateKey)?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = file.private_key_id;
        let policy = Policy {
            attempt_timeout: Duration::from_secs(5),
            ..Policy::default()
        };
        let at = HttpClient::new(PROVIDER, file.token_uri.clone(), policy, clock.clone())?;
        let grant = move |now: DateTime<Utc>| {
            let claims = Claims {
                iss: &file.client_email,
                scope: SCOPE,
                aud: file.token_uri.as_str(),
                iat: now.timestamp(),
                exp: now.timestamp() + ASSERTION_SECONDS,
            };
            let assertion = jsonwebtoken::encode(&header, &claims, &signing).map_err(|_| {
                HttpError::Unsendable {
                    call: Call {
                        provider: PROVIDER,
                        operation: OPERATION,
                    },
                    what: "the assertion cannot be signed".to_owned(),
                }
            })?;
            let fields = [("grant_type", GRANT), ("assertion", &assertion)];
            Ok(Request::post(OPERATION, &[]).form(fields))
        };
        Ok(Self::ServiceAccount(Tokens::signed(at, grant, clock)))
    }

    /// Sends a request that is built for a token.
    pub(super) async fn send(
        &self,
        http: &HttpClient,
        request: impl Fn(&Secret) -> Request + Send,
    ) -> Result<Response, HttpError> {
        match self {
            Self::Given(token) => http.send(&request(token)).await,
            Self::ServiceAccount(tokens) => tokens.send(http, request).await,
        }
    }
}
