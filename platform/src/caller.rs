//! The verified caller that the router passes to every subgraph: a typed value within a process, a short-lived signed
//! header between processes.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The header that carries a signed [`Caller`] from the router to a subgraph process.
pub const CALLER_HEADER: &str = "x-vantage-caller";

/// How long a signed caller is valid. It only has to outlive one hop.
const LIFETIME_SECONDS: i64 = 60;

/// Allowed clock difference between a router and a subgraph.
const LEEWAY_SECONDS: i64 = 5;

/// What a request asks for in headers that subgraphs may see; as sent, whether or not it means anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locale {
    /// [`LANGUAGE_HEADER`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<String>,
    /// [`COUNTRY_HEADER`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// [`CURRENCY_HEADER`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// The user's languages.
pub const LANGUAGE_HEADER: &str = "accept-language";
/// The country whose shop the user has chosen.
pub const COUNTRY_HEADER: &str = "x-vantage-country";
/// The currency that the user has chosen.
pub const CURRENCY_HEADER: &str = "x-vantage-currency";

impl Locale {
    /// What is kept of a header: browsers send less, and the signed caller must fit into a header.
    const MAX_CHARS: usize = 200;

    /// The locale in these headers; of a repeated one, the first counts.
    pub fn of_headers(headers: &HeaderMap) -> Self {
        let text = |name| {
            let text = headers.get(name)?.to_str().ok()?;
            Some(text.chars().take(Self::MAX_CHARS).collect())
        };
        Self {
            languages: text(LANGUAGE_HEADER),
            country: text(COUNTRY_HEADER),
            currency: text(CURRENCY_HEADER),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A caller whose credentials the router has verified. Subgraphs trust it without checking again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The customer's public id (`usr_…`); `None` for a visitor who has not signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The token's OAuth scopes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
    /// The policies the caller satisfies according to the token; checked by `@policy`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub policies: BTreeSet<String>,
    /// The authenticated client application (storefront, partner): the name it is registered under, or the one in the
    /// token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The client's address, used for currency detection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The language, country and currency that the client asks for.
    #[serde(default, skip_serializing_if = "Locale::is_empty")]
    pub locale: Locale,
    /// The same in every log line of one request.
    #[serde(default)]
    pub request_id: String,
}

impl Caller {
    /// Everything an answer may depend on: two requests by callers with the same identity may share a response.
    pub fn identity(&self) -> impl Serialize + '_ {
        let Self {
            subject,
            scopes,
            policies,
            client,
            ip,
            locale,
            request_id: _,
        } = self;
        (subject, scopes, policies, client, ip, locale)
    }

    /// A signed-in customer with no scopes, for tests and for calls made on a customer's behalf.
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
    /// The subgraph the header is addressed to.
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// SHA-256 of the request body, in hexadecimal.
    body: String,
    caller: Caller,
}

const ISSUER: &str = "vantage-router";

/// Why a subgraph refused the router's credential.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    #[error("the secret for signing callers is empty")]
    EmptySecret(#[source] jsonwebtoken::errors::Error),
    #[error("the caller could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
    #[error("the caller's signature is not valid")]
    Verify(#[source] jsonwebtoken::errors::Error),
    #[error("the caller is signed for another subgraph")]
    Audience,
    #[error("the caller's signature has expired")]
    Expired,
    #[error("the caller's signature is not valid yet")]
    NotYetValid,
    #[error("the caller's signature is valid for more than {LIFETIME_SECONDS} seconds")]
    Lifetime,
    #[error("the caller is signed for another body")]
    Body,
}

/// Signs and verifies callers with the secret shared by the router and its subgraphs.
#[derive(Clone)]
pub struct CallerKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// A caller whose signature is valid for this subgraph, but whose body has not been checked yet.
#[derive(Debug)]
pub struct SignedCaller {
    caller: Caller,
    body: String,
}

impl SignedCaller {
    /// The caller, if the signature was made for this body.
    ///
    /// # Errors
    /// [`CallerError::Body`].
    pub fn with_body(self, body: &[u8]) -> Result<Caller, CallerError> {
        if self.body == digest(body) {
            Ok(self.caller)
        } else {
            Err(CallerError::Body)
        }
    }
}

impl CallerKey {
    /// The secret must not be empty.
    pub fn new(secret: &[u8]) -> Result<Self, CallerError> {
        Ok(Self {
            encoding: EncodingKey::from_secret(secret).map_err(CallerError::EmptySecret)?,
            decoding: DecodingKey::from_secret(secret).map_err(CallerError::EmptySecret)?,
        })
    }

    /// The [`CALLER_HEADER`] value for this caller's request to this subgraph. It is valid only with this body.
    pub fn sign(
        &self,
        caller: &Caller,
        subgraph: &str,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<String, CallerError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: subgraph.to_owned(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: now.timestamp() + LIFETIME_SECONDS,
            body: digest(body),
            caller: caller.clone(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(CallerError::Sign)
    }

    /// Verifies a header: signed with this key, for this subgraph, less than a minute ago.
    pub fn verify(
        &self,
        header: &str,
        subgraph: &str,
        now: DateTime<Utc>,
    ) -> Result<SignedCaller, CallerError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss"]);
        // Checked below against the given time.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(header, &self.decoding, &validation)
            .map_err(CallerError::Verify)?
            .claims;
        if claims.aud != subgraph {
            return Err(CallerError::Audience);
        }
        let now = now.timestamp();
        let lifetime = claims.exp.saturating_sub(claims.iat.min(claims.nbf));
        if lifetime > LIFETIME_SECONDS {
            return Err(CallerError::Lifetime);
        }
        if claims.exp.saturating_add(LEEWAY_SECONDS) < now {
            return Err(CallerError::Expired);
        }
        if claims.nbf.max(claims.iat).saturating_sub(LEEWAY_SECONDS) > now {
            return Err(CallerError::NotYetValid);
        }
        Ok(SignedCaller {
            caller: claims.caller,
            body: claims.body,
        })
    }
}

fn digest(body: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(body) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl std::fmt::Debug for CallerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallerKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"between processes";

    /// Forges claims as a holder of the secret could.
    fn forge(change: impl FnOnce(&mut Value)) -> String {
        let now = Utc::now().timestamp();
        let mut claims = json!({
            "iss": "vantage-router",
            "aud": "orders",
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            "body": digest(b"{}"),
            "caller": Caller::customer("usr_1"),
        });
        change(&mut claims);
        let key = EncodingKey::from_secret(SECRET).expect("a key");
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).expect("signed")
    }

    fn verify(header: &str) -> Result<Caller, CallerError> {
        let signed = CallerKey::new(SECRET)
            .unwrap()
            .verify(header, "orders", Utc::now())?;
        signed.with_body(b"{}")
    }

    #[test]
    fn a_signed_caller_comes_back_whole() {
        let key = CallerKey::new(SECRET).unwrap();
        let caller = Caller {
            scopes: ["orders:read".to_owned()].into(),
            request_id: "req_1".to_owned(),
            ..Caller::customer("usr_1")
        };
        let header = key.sign(&caller, "orders", b"{}", Utc::now());
        assert_eq!(verify(&header.expect("signed")).expect("verified"), caller);
    }

    #[test]
    fn the_locale_is_that_of_the_headers_and_bounded() {
        let mut headers = HeaderMap::new();
        assert_eq!(Locale::of_headers(&headers), Locale::default());
        let long = "de,".repeat(1_000);
        headers.insert(LANGUAGE_HEADER, long.parse().unwrap());
        headers.insert(CURRENCY_HEADER, "eur".parse().unwrap());
        let locale = Locale::of_headers(&headers);
        assert_eq!(locale.languages.as_deref(), Some(&long[..200]));
        assert_eq!(locale.currency.as_deref(), Some("eur"));
        assert_eq!(locale.country, None);
    }

    #[test]
    fn a_signature_is_good_for_one_subgraph_one_body_and_one_minute() {
        let key = CallerKey::new(SECRET).unwrap();
        let caller = Caller::customer("usr_1");
        let sign = |subgraph: &str, body: &[u8], age: i64| {
            let then = Utc::now() - Duration::seconds(age);
            key.sign(&caller, subgraph, body, then).expect("signed")
        };
        verify(&sign("orders", b"{}", 0)).expect("verified");
        verify(&sign("orders", b"{}", 50)).expect("verified");
        verify(&sign("orders", b"{}", -3)).expect("verified by a clock that is a little behind");
        let check = |header: String, expect: fn(&CallerError) -> bool| {
            let refused = verify(&header).expect_err("refused");
            assert!(expect(&refused), "{refused:?}");
        };
        check(sign("returns", b"{}", 0), |error| {
            matches!(error, CallerError::Audience)
        });
        check(sign("orders", b"{ }", 0), |error| {
            matches!(error, CallerError::Body)
        });
        check(sign("orders", b"{}", 70), |error| {
            matches!(error, CallerError::Expired)
        });
        check(sign("orders", b"{}", -30), |error| {
            matches!(error, CallerError::NotYetValid)
        });
        let other = CallerKey::new(b"another")
            .unwrap()
            .sign(&caller, "orders", b"{}", Utc::now());
        check(other.expect("signed"), |error| {
            matches!(error, CallerError::Verify(_))
        });
    }

    #[test]
    fn claims_are_not_believed_only_because_they_are_signed() {
        let now = Utc::now().timestamp();
        verify(&forge(|_| {})).expect("verified");
        let check = |change: &dyn Fn(&mut Value), expect: fn(&CallerError) -> bool| {
            let refused = verify(&forge(change)).expect_err("refused");
            assert!(expect(&refused), "{refused:?}");
        };
        let lifetime = |error: &CallerError| matches!(error, CallerError::Lifetime);
        check(&|claims| claims["exp"] = json!(now + 61), lifetime);
        check(&|claims| claims["exp"] = json!(i64::MAX), lifetime);
        check(&|claims| claims["nbf"] = json!(now - 3600), lifetime);
        check(
            &|claims| {
                claims["nbf"] = json!(now + 30);
                claims["exp"] = json!(now + 60);
            },
            |error| matches!(error, CallerError::NotYetValid),
        );
        check(
            &|claims| {
                claims["iat"] = json!(now + 30);
                claims["exp"] = json!(now + 60);
            },
            |error| matches!(error, CallerError::NotYetValid),
        );
        let invalid = |error: &CallerError| matches!(error, CallerError::Verify(_));
        check(&|claims| claims["iss"] = json!("somebody"), invalid);
        for claim in ["iss", "aud", "iat", "nbf", "exp", "body", "caller"] {
            let without = |claims: &mut Value| {
                claims.as_object_mut().expect("claims").remove(claim);
            };
            check(&without, invalid);
        }
    }
}
