//! Objects in a bucket of S3 or a compatible store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{
    Attribute, Attributes, ClientOptions, Error, ObjectStore, ObjectStoreExt, PutOptions,
    RetryConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ObjectError, ObjectKey, Objects, check_size};
use crate::clock::Clock;
use crate::config::{ConnectionUrl, Secret};
use crate::http::redact;
use crate::providers::aws::{self, CredentialError, Credentials, Environment};

/// S3's longest validity of a signed link.
const LONGEST_LINK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A folder that nothing is in.
const CHECKED_FOLDER: &str = "readiness";

/// Which bucket, and how to reach it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    pub bucket: String,
    #[serde(default = "aws::default_region")]
    pub region: String,
    /// The endpoint of a compatible store, such as http://localhost:9000; `None` for Amazon's.
    #[serde(default)]
    pub endpoint: Option<ConnectionUrl>,
    /// The ARN of the KMS key that `vantage objects setup` has the bucket encrypt objects with. Without one, S3's own keys
    /// (SSE-S3).
    #[serde(default)]
    pub kms_key: Option<String>,
    /// Without keys, the environment's credentials: AWS_* variables, a profile, the role of the pod, the container or the
    /// instance.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// The secret of `access_key_id`.
    #[serde(default)]
    pub secret_access_key: Option<Secret>,
}

impl S3Config {
    /// The credentials for the bucket.
    pub(super) fn credentials(&self, clock: &Clock) -> Result<Credentials, CredentialError> {
        let keys = (
            self.access_key_id.as_deref(),
            self.secret_access_key.as_ref(),
        );
        Credentials::new(keys, &self.region, &Environment::of_process(), clock)
    }
}

/// A bucket. Object names are its keys.
#[derive(Clone, Debug)]
pub struct S3Objects {
    bucket: AmazonS3,
}

impl S3Objects {
    /// Does not contact the bucket yet.
    pub fn new(config: &S3Config, clock: &Clock) -> Result<Self, ObjectError> {
        let is_plain = |url: &ConnectionUrl| url.scheme() == "http";
        let mut builder = AmazonS3Builder::new()
            .with_credentials(Arc::new(config.credentials(clock)?))
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_allow_http(config.endpoint.as_ref().is_some_and(is_plain))
            // Single deletions work with every compatible store.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig {
                max_retries: 2,
                retry_timeout: Duration::from_secs(20),
                ..RetryConfig::default()
            })
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(config.endpoint.as_ref().is_some_and(is_plain))
                    .with_connect_timeout(Duration::from_secs(3))
                    .with_timeout(Duration::from_secs(10)),
            );
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint.expose().trim_end_matches('/'));
        }
        Ok(Self {
            bucket: builder.build().map_err(ObjectError::Store)?,
        })
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError> {
        check_size(key, bytes.len() as u64)?;
        let content_type = (Attribute::ContentType, key.content_type());
        let options = PutOptions::from(Attributes::from_iter([content_type]));
        self.bucket
            .put_opts(&path(key), bytes.into(), options)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, ObjectError> {
        let Some(found) = absent_is_none(self.bucket.get(&path(key)).await)? else {
            return Ok(None);
        };
        check_size(key, found.meta.size)?;
        found.bytes().await.map(Some).map_err(failed)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        absent_is_none(self.bucket.delete(&path(key)).await).map(drop)
    }

    async fn delete_older_than(
        &self,
        folder: &ObjectKey,
        cutoff: DateTime<Utc>,
    ) -> Result<u64, ObjectError> {
        let folder = path(folder);
        let mut objects = self.bucket.list(Some(&folder));
        let mut deleted = 0;
        while let Some(object) = objects.try_next().await.map_err(failed)? {
            if object.last_modified < cutoff
                && absent_is_none(self.bucket.delete(&object.location).await)?.is_some()
            {
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Lists a folder that has nothing, which costs the store little.
    async fn check(&self) -> Result<(), ObjectError> {
        let mut objects = self.bucket.list(Some(&Path::from(CHECKED_FOLDER)));
        objects.try_next().await.map(drop).map_err(failed)
    }

    async fn direct_link(
        &self,
        key: &ObjectKey,
        lifetime: Duration,
    ) -> Result<Option<Url>, ObjectError> {
        if lifetime > LONGEST_LINK {
            return Ok(None);
        }
        self.bucket
            .signed_url(Method::GET, &path(key), lifetime)
            .await
            .map(Some)
            .map_err(failed)
    }
}

fn path(key: &ObjectKey) -> Path {
    Path::from(key.as_str())
}

fn absent_is_none<T>(result: Result<T, Error>) -> Result<Option<T>, ObjectError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// What the store refused, such as wrong keys, with its reason. Lists do not say the kind of an error in any other way.
fn failed(error: Error) -> ObjectError {
    let text = error.to_string();
    if !text.contains("status code: 4") {
        return ObjectError::Store(error);
    }
    let between = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0)
    };
    let said = match (between("Code"), between("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => text.clone(),
    };
    ObjectError::Refused(redact(&said))
}
