//! The `objects` section.

use platform::config::Invalid;
use platform::objects::S3Config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where files such as labels are stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Objects {
    /// A bucket in S3 or a compatible store. Default: the directory `objects` in `data`.
    pub(crate) s3: Option<S3Config>,
}

impl Objects {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let key = self.s3.as_ref().and_then(|s3| s3.kms_key.as_deref());
        if key.is_some_and(|key| !key.starts_with("arn:")) {
            return Err(Invalid::new(
                "objects.s3.kms_key",
                "is not the ARN of a key: write it like arn:aws:kms:us-east-1:123456789012:key/…",
            ));
        }
        Ok(())
    }
}
