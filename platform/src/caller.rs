//! Who is asking: the verified caller that the router hands to every subgraph,
//! typed in one process and as a short-lived signed header between processes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// The header that carries a signed [`Caller`] from the router to a subgraph process.
pub const CALLER_HEADER: &str = "x-vantage-caller";

/// How long a signed caller is good for. It only has to outlive one hop.
const LIFETIME_SECONDS: i64 = 60;

/// A caller whose credentials the router has checked. A subgraph believes it without asking again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The customer's public id (`usr_…`); `None` for a visitor who has not signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// OAuth scopes of the token.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
    /// Policies that the caller fulfils, as the token says: what `@policy` asks for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub policies: BTreeSet<String>,
    /// The registered client (storefront, partner), when it named itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Where the request came from, for currency detection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The request id, the same in every log line of one request.
    #[serde(default)]
    pub request_id: String,
}

impl Caller {
    /// All that an answer may depend on: two requests by callers with the same identity may share one.
    pub fn identity(&self) -> impl Serialize + '_ {
        let Self {
            subject,
            scopes,
            policies,
            client,
            ip,
            request_id: _,
        } = self;
        (subject, scopes, policies, client, ip)
    }

    /// A signed-in customer, with no scope; for tests and for calls a service makes on a customer's behalf.
    pub fn customer(subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..Self::default()
        }
    }

    pub fn is_authenticated(&self) -> bool {
        self.subject.is_some()
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
    caller: Caller,
}

const ISSUER: &str = "vantage-router";

/// Why a subgraph refused the router's credential.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    #[error("the secret that callers are signed with is empty")]
    EmptySecret(#[source] jsonwebtoken::errors::Error),
    #[error("the caller could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
    #[error("the caller's signature is not valid")]
    Verify(#[source] jsonwebtoken::errors::Error),
}

/// Signs and verifies callers with the secret that the router and its subgraphs share.
#[derive(Clone)]
pub struct CallerKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl CallerKey {
    /// The secret must not be empty.
    pub fn new(secret: &[u8]) -> Result<Self, CallerError> {
        Ok(Self {
            encoding: EncodingKey::from_secret(secret).map_err(CallerError::EmptySecret)?,
            decoding: DecodingKey::from_secret(secret).map_err(CallerError::EmptySecret)?,
        })
    }

    /// The value of [`CALLER_HEADER`] for this caller.
    pub fn sign(&self, caller: &Caller, now: DateTime<Utc>) -> Result<String, CallerError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            iat: now.timestamp(),
            exp: (now + Duration::seconds(LIFETIME_SECONDS)).timestamp(),
            caller: caller.clone(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(CallerError::Sign)
    }

    /// The caller inside a header, if this key signed it less than a minute ago.
    pub fn verify(&self, header: &str) -> Result<Caller, CallerError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.leeway = 5;
        jsonwebtoken::decode::<Claims>(header, &self.decoding, &validation)
            .map(|token| token.claims.caller)
            .map_err(CallerError::Verify)
    }
}

impl std::fmt::Debug for CallerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallerKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_caller_comes_back_whole() {
        let key = CallerKey::new(b"between processes").unwrap();
        let caller = Caller {
            scopes: ["orders:read".to_owned()].into(),
            request_id: "req_1".to_owned(),
            ..Caller::customer("usr_1")
        };
        let header = key.sign(&caller, Utc::now()).expect("signed");
        assert_eq!(key.verify(&header).expect("verified"), caller);
    }

    #[test]
    fn another_key_or_an_old_signature_is_refused() {
        let key = CallerKey::new(b"one").unwrap();
        let caller = Caller::customer("usr_1");
        let forged = CallerKey::new(b"two")
            .unwrap()
            .sign(&caller, Utc::now())
            .expect("signed");
        assert!(key.verify(&forged).is_err());
        let old = key
            .sign(&caller, Utc::now() - Duration::minutes(5))
            .expect("signed");
        assert!(key.verify(&old).is_err());
    }
}
