//! Where files such as labels are kept.

use platform::objects::S3Config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where files such as labels are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Objects {
    /// A bucket of S3, or of what speaks its protocol. Without it: the directory `objects` in `data`.
    pub(crate) s3: Option<S3Config>,
}
