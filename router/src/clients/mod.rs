//! Client applications: their identity, their permissions, and the operations they were built with.
//!
//! A client is *identified* by the name it sends, and *authenticated* by a key or token. Settings that loosen a rule
//! apply to authenticated clients only; settings that tighten one apply to everybody who claims the name.

mod config;
mod error;
mod file;
mod hash;
mod identity;
mod key;
mod manifest;
mod operation;
mod registry;
#[cfg(test)]
mod tests;
mod tools;
mod webhooks;

pub use config::ClientMode;
pub use error::ClientsError;
pub use file::ClientsFiles;
pub use hash::{NoSha256Hash, Sha256Hash};
pub(crate) use identity::Credentials;
pub use identity::{ClientIdentity, IdentityError};
pub use key::{ApiKey, KEY_HEADER};
pub(crate) use manifest::SHA256_PREFIX;
pub use manifest::{ManifestError, ManifestOperation, extend_manifest, read_manifest};
pub use operation::{OperationError, RegisteredOperation, RegisteredOperations};
pub use registry::{Clients, RegisteredClient};
pub use webhooks::ClientWebhooks;
