//! Whether a request may contain several operations.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arrays of operations in one POST. Each operation counts separately against limits and rates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchingConfig {
    /// If disabled, batches are rejected with BATCHING_NOT_SUPPORTED.
    pub enabled: bool,
    /// Maximum operations per request; more are rejected with BAD_USER_INPUT.
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

/// Enough for one page.
const MAX: NonZeroUsize = NonZeroUsize::new(10).expect("not zero");
