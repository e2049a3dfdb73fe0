//! What Amazon's services have in common: credentials from where they usually are, and signatures.

mod chain;
mod environment;
mod error;
mod profile;
mod remote;
mod signing;

#[cfg(test)]
mod tests;

pub(crate) use chain::Credentials;
pub(crate) use environment::Environment;
pub use error::CredentialError;
pub use signing::SignError;
pub(crate) use signing::Signer;

pub(crate) fn default_region() -> String {
    "us-east-1".to_owned()
}
