//! Signed, expiring links with which guests track one order or one parcel.

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use resolvers::ApiError;
use resolvers::error::ErrorCode;
use resolvers::id::IdKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The object a link gives access to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestScope {
    /// The order's most recently updated parcel.
    Order(Uuid),
    Shipment(Uuid),
}

/// Why a link was rejected.
#[derive(Debug, thiserror::Error)]
pub enum GuestLinkError {
    #[error("the link could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
    #[error("the key for tracking links is empty")]
    EmptyKey(#[source] jsonwebtoken::errors::Error),
    #[error("the link is not one of ours")]
    Invalid,
    #[error("the link has expired")]
    Expired,
}

impl From<GuestLinkError> for ApiError {
    fn from(error: GuestLinkError) -> Self {
        match error {
            GuestLinkError::Sign(cause) | GuestLinkError::EmptyKey(cause) => Self::internal(cause),
            GuestLinkError::Invalid => Self::bad_user_input("This tracking link is not valid"),
            GuestLinkError::Expired => Self::new(
                ErrorCode::Unauthenticated,
                "This tracking link has expired: sign in to track the order",
            ),
        }
    }
}

/// Signs and verifies links.
#[derive(Clone)]
pub struct GuestLinkKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The public id of the order or parcel.
    sub: String,
    exp: i64,
}

const ISSUER: &str = "vantage-tracking-link";
/// Ours have about 200 characters.
const LONGEST: usize = 1_024;

impl GuestLinkKey {
    /// The secret must not be empty.
    pub fn new(secret: &[u8]) -> Result<Self, GuestLinkError> {
        Ok(Self {
            encoding: EncodingKey::from_secret(secret).map_err(GuestLinkError::EmptyKey)?,
            decoding: DecodingKey::from_secret(secret).map_err(GuestLinkError::EmptyKey)?,
        })
    }

    /// The token of a new link, valid for `lifetime` from now.
    pub fn mint(
        &self,
        scope: GuestScope,
        now: DateTime<Utc>,
        lifetime: Duration,
    ) -> Result<String, GuestLinkError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: match scope {
                GuestScope::Order(id) => IdKind::Order.format(id),
                GuestScope::Shipment(id) => IdKind::Shipment.format(id),
            },
            exp: (now + lifetime).timestamp(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(GuestLinkError::Sign)
    }

    /// The link's scope, if it was signed with this key and has not expired.
    pub fn open(&self, token: &str, now: DateTime<Utc>) -> Result<GuestScope, GuestLinkError> {
        self.open_until(token, now).map(|(scope, _)| scope)
    }

    /// Like [`Self::open`], with the expiry.
    pub fn open_until(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<(GuestScope, DateTime<Utc>), GuestLinkError> {
        if token.len() > LONGEST {
            return Err(GuestLinkError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        // Checked below against the injected clock.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|_| GuestLinkError::Invalid)?
            .claims;
        if now.timestamp() >= claims.exp {
            return Err(GuestLinkError::Expired);
        }
        let until = DateTime::from_timestamp(claims.exp, 0).ok_or(GuestLinkError::Invalid)?;
        IdKind::Order
            .parse(&claims.sub)
            .map(GuestScope::Order)
            .or_else(|| {
                IdKind::Shipment
                    .parse(&claims.sub)
                    .map(GuestScope::Shipment)
            })
            .map(|scope| (scope, until))
            .ok_or(GuestLinkError::Invalid)
    }
}

impl fmt::Debug for GuestLinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestLinkKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_shows_its_scope_until_it_expires() {
        let key = GuestLinkKey::new(b"links").unwrap();
        let now = Utc::now();
        for scope in [
            GuestScope::Order(Uuid::now_v7()),
            GuestScope::Shipment(Uuid::now_v7()),
        ] {
            let token = key.mint(scope, now, Duration::hours(1)).unwrap();
            let later = now + Duration::minutes(59);
            assert_eq!(key.open(&token, later).unwrap(), scope);
            let expired = key.open(&token, now + Duration::hours(1));
            assert!(matches!(expired, Err(GuestLinkError::Expired)));
        }
    }

    #[test]
    fn a_link_that_was_changed_or_signed_by_another_shows_nothing() {
        let key = GuestLinkKey::new(b"links").unwrap();
        let now = Utc::now();
        let scope = GuestScope::Order(Uuid::now_v7());
        let token = key.mint(scope, now, Duration::hours(1)).unwrap();
        let other = GuestLinkKey::new(b"other")
            .unwrap()
            .mint(scope, now, Duration::hours(1));
        let mut forged = vec![other.unwrap(), String::new(), "a.b.c".repeat(1_000)];
        // Any single character of header, claims or signature. The last one contains unused bits.
        for at in 0..token.len() - 1 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            forged.push(String::from_utf8(bytes).unwrap());
        }
        for token in forged {
            let opened = key.open(&token, now);
            assert!(matches!(opened, Err(GuestLinkError::Invalid)), "{token}");
        }
    }
}
