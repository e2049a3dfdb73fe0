//! The `rest` section.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Enough for a return of a hundred items with all their texts.
const MAX_BODY_BYTES: NonZeroUsize = NonZeroUsize::new(64 * 1024).expect("not zero");

/// Clients' WebSocket messages are short.
const MAX_MESSAGE_BYTES: NonZeroUsize = NonZeroUsize::new(4 * 1024).expect("not zero");

/// REST endpoints for clients of the system that this graph replaces. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rest {
    /// Whether /api and /ws exist.
    pub(crate) enabled: bool,
    /// Longer request bodies are rejected with 413.
    pub(crate) max_body_bytes: NonZeroUsize,
    /// A longer client message closes its WebSocket with 1009. Also limits the body of a request that opens one.
    pub(crate) max_message_bytes: NonZeroUsize,
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            enabled: true,
            max_body_bytes: MAX_BODY_BYTES,
            max_message_bytes: MAX_MESSAGE_BYTES,
        }
    }
}
