//! Authentication: JSON Web Tokens are verified once, here, and become the [`Caller`] that subgraphs trust.
//!
//! [`Caller`]: platform::caller::Caller

mod config;
mod error;
mod jwks;
mod keys;
mod mint;
mod token_cache;
mod verifier;

pub use config::{AuthConfig, AuthConfigError, JwksConfig, PublicKeyConfig};
pub use error::AuthError;
pub use mint::{DevelopmentKey, MintError, NewToken};
pub use verifier::{Identity, JwtVerifier};
