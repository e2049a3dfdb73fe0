//! The `objects` section.

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
