//! The applications that call: who they are, what they may do, and the operations that they were built with.
//!
//! A client is *identified* by the name that it sends, and *authenticated* by a key or by its token. What loosens a rule
//! is for those who are authenticated; what tightens one is for all who say that they are the client.

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
