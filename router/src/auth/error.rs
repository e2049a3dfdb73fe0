//! Why a token was refused, in words that may be shown: they never repeat the token.

use crate::error::ErrorCode;

/// Why the credentials of a request were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("the Authorization header must be `Bearer` and a token")]
    Scheme,
    #[error("the token is longer than {0} bytes")]
    TooLong(usize),
    #[error("the token is not a JSON Web Token, or names an algorithm that does not exist here")]
    Malformed,
    #[error("the token is signed with an algorithm that is not accepted here")]
    Algorithm,
    #[error("the token is signed with a key that is not known here")]
    UnknownKey,
    #[error("the token's signature is not valid")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token was not issued by an accepted issuer")]
    Issuer,
    #[error("the token is not meant for this service")]
    Audience,
    #[error("the token has no usable `{0}` claim")]
    Claim(&'static str),
    #[error("no key to verify tokens with is configured")]
    NoKeys,
    #[error("the keys to verify the token with cannot be fetched now")]
    KeysUnavailable,
}

impl AuthError {
    /// UNAUTHENTICATED, unless the fault is on this side.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::KeysUnavailable => ErrorCode::Internal,
            _ => ErrorCode::Unauthenticated,
        }
    }
}
