//! Whether several operations may come in one request.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arrays of operations in one POST. Each counts by itself for limits and rates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchingConfig {
    /// Without it they are refused with BATCHING_NOT_SUPPORTED.
    pub enabled: bool,
    /// Operations of one request at most; more are refused with BAD_USER_INPUT.
    pub max: NonZeroUsize,
}

impl Default for BatchingConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            max: MAX,
        }
    }
}

/// As many as one page asks at once.
const MAX: NonZeroUsize = NonZeroUsize::new(10).expect("not zero");
