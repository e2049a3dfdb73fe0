//! REST, for clients of the system that this graph replaces.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Long enough for a return of a hundred items with all their texts.
const MAX_BODY_BYTES: NonZeroUsize = NonZeroUsize::new(64 * 1024).expect("not zero");

/// What clients say on a WebSocket is short.
const MAX_MESSAGE_BYTES: NonZeroUsize = NonZeroUsize::new(4 * 1024).expect("not zero");

/// REST, for clients of the system that this graph replaces. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rest {
    /// Without it there is nothing below /api and /ws.
    pub(crate) enabled: bool,
    /// Longer request bodies are refused with 413.
    pub(crate) max_body_bytes: NonZeroUsize,
    /// A longer message of a client closes its WebSocket with 1009. Requests that open one have no longer body.
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
