//! Limits on connections, whatever protocol they use.

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The limits on connections to this process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionsConfig {
    /// How long a client may take from connecting to the end of its first request's headers, and from the first byte of
    /// each further request to the end of its headers.
    pub header_timeout: Duration,
    /// How long a connection may stay open without a request: longer than load balancers keep theirs.
    pub idle_timeout: Duration,
    /// How often HTTP/2 clients are pinged.
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
    /// How long a client may read nothing of what is written to it before its connection is closed. One tenth of this
    /// while more than half of `max_unsent_bytes` is in use.
    pub write_timeout: Duration,
    /// Bytes of query and mutation responses that clients have not read yet, over all connections. Further responses
    /// are rejected with 503.
    pub max_unsent_bytes: usize,
    /// The same for one connection.
    pub max_unsent_bytes_per_connection: usize,
    /// Connections of this process. Unset: as many as the open-file limit allows. Beyond it, a few more are accepted to
    /// answer `/healthz` and `/readyz`.
    pub max: Option<usize>,
    /// Connections of one address (one /64 network for IPv6). Unset: half of `max`. Does not apply behind trusted
    /// proxies, where all connections are theirs.
    pub max_per_address: Option<usize>,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_unsent_bytes: 8 * 1024 * 1024,
            max_unsent_bytes_per_connection: 4 * 1024 * 1024,
            max: None,
            max_per_address: None,
        }
    }
}
