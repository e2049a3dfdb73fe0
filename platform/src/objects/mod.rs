//! Files that outlive a request, such as labels: in a directory, or in S3; handed out by links that expire.

mod key;
mod links;
mod local;
mod s3;

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

/// A store of named files.
#[async_trait]
pub trait Objects: fmt::Debug + Send + Sync {
    /// Writes a whole object; one of the same name is replaced, and never seen half written.
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError>;

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, ObjectError>;

    /// Absent objects are deleted already.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError>;

    /// Deletes what was written before then under this name and a slash; how many objects that were.
    async fn delete_older_than(
        &self,
        folder: &ObjectKey,
        cutoff: DateTime<Utc>,
    ) -> Result<u64, ObjectError>;

    /// A link with which anybody reads the object from the store itself for so long. `None`: the store gives
    /// out none, or none that lasts so long.
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
    #[error("the object store did not do it")]
    Store(#[source] object_store::Error),
    #[error("the address under which objects are served is none that paths can follow")]
    Base,
}
