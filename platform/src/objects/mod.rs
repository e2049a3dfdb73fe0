//! Files that outlive a request, such as labels, stored in a directory or in S3 and served through expiring links.

mod key;
mod links;
mod local;
mod s3;
pub mod setup;
mod watch;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use url::Url;

pub use key::{InvalidKey, ObjectKey};
pub use links::ObjectLinks;
pub use local::LocalObjects;
pub use s3::{S3Config, S3Objects};
pub use watch::watch;

use crate::providers::aws::CredentialError;

/// The largest object, which is read and written as a whole. Labels have some 10 kB.
pub const MAX_OBJECT_BYTES: u64 = 16 << 20;

/// A store of named files.
#[async_trait]
pub trait Objects: fmt::Debug + Send + Sync {
    /// Writes an object atomically, replacing one of the same name.
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError>;

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, ObjectError>;

    /// Deletes an object; succeeds if it does not exist.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError>;

    /// Deletes the objects under this prefix and a slash that were written before the cutoff. Returns how many were
    /// deleted.
    async fn delete_older_than(
        &self,
        folder: &ObjectKey,
        cutoff: DateTime<Utc>,
    ) -> Result<u64, ObjectError>;

    /// Whether the store can be used now: it answers, and lets these credentials list objects.
    async fn check(&self) -> Result<(), ObjectError>;

    /// A link that reads the object directly from the store for this long. `None` if the store offers none, or none
    /// that lasts as long.
    async fn direct_link(
        &self,
        key: &ObjectKey,
        lifetime: Duration,
    ) -> Result<Option<Url>, ObjectError>;
}

/// Why an object could not be stored, read or linked to.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("the file of object {0} could not be used")]
    File(ObjectKey, #[source] std::io::Error),
    #[error("the directory of the objects could not be read")]
    Directory(#[source] std::io::Error),
    #[error("the object store failed")]
    Store(#[source] object_store::Error),
    #[error(
        "the object store refused: check the bucket, the keys and what they may do. It said: {0}"
    )]
    Refused(String),
    #[error("object {key} has {bytes} bytes, and the limit is {MAX_OBJECT_BYTES}")]
    TooLarge { key: ObjectKey, bytes: u64 },
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error("the address that objects are served at cannot take a path")]
    Base,
}

fn check_size(key: &ObjectKey, bytes: u64) -> Result<(), ObjectError> {
    if bytes > MAX_OBJECT_BYTES {
        return Err(ObjectError::TooLarge {
            key: key.clone(),
            bytes,
        });
    }
    Ok(())
}
