//! Why a token was rejected. The messages may be shown to clients: they never repeat the token.

use crate::error::ErrorCode;

/// Why a request's credentials were rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("the Authorization header must be `Bearer` followed by a token")]
    Scheme,
    #[error("the token is longer than {0} bytes")]
    TooLong(usize),
    #[error("the token is not a JSON Web Token, or names an unknown algorithm")]
    Malformed,
    #[error("the token is signed with an algorithm that is not accepted")]
    Algorithm,
    #[error("the token is signed with an unknown key")]
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
    #[error("no key for verifying tokens is configured")]
    NoKeys,
    #[error("the keys for verifying the token cannot be fetched right now")]
    KeysUnavailable,
}

impl AuthError {
    /// UNAUTHENTICATED, unless the fault is ours.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::KeysUnavailable => ErrorCode::Internal,
            _ => ErrorCode::Unauthenticated,
        }
    }
}
