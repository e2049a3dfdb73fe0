//! What settings of Amazon's services have in common.

use object_store::aws::AmazonS3Builder;

use crate::config::Secret;

pub(crate) fn default_region() -> String {
    "us-east-1".to_owned()
}

/// With these keys, or without them with the environment's credentials, which are the same for all services.
pub(crate) fn with_credentials(
    access_key_id: Option<&str>,
    secret_access_key: Option<&Secret>,
) -> AmazonS3Builder {
    match (access_key_id, secret_access_key) {
        (Some(id), Some(secret)) => AmazonS3Builder::new()
            .with_access_key_id(id)
            .with_secret_access_key(secret.expose()),
        _ => AmazonS3Builder::from_env(),
    }
}
