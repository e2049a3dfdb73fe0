//! The `server` section of the configuration: the edge's limits and intervals.

mod batching;
mod connections;
pub(super) mod cors;
pub(super) mod error;
mod overload;
mod persisted_queries;
mod rates;

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::{HeaderName, header};
use platform::caller::{COUNTRY_HEADER, CURRENCY_HEADER, LANGUAGE_HEADER};
use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::batching::BatchingConfig;
pub use self::connections::ConnectionsConfig;
pub use self::cors::CorsConfig;
pub use self::error::ServerConfigError;
pub use self::overload::OverloadConfig;
pub use self::persisted_queries::PersistedQueriesConfig;
pub use self::rates::{RateConfig, RatesConfig};
use super::origin::Origins;

/// How GraphQL is served. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    pub path: String,
    /// Enables developer features: the IDE page, browsers on any localhost port, the development secret. Not a
    /// configuration key: it follows from the process's mode.
    #[serde(skip)]
    pub development: bool,
    /// Longer request bodies are rejected with 413.
    pub max_body_bytes: usize,
    /// How long a client may take to send its body.
    pub body_timeout: Duration,
    /// Compresses responses with the client's preferred coding among zstd, Brotli and gzip; on a tie, the first in this
    /// order.
    pub compression: bool,
    /// Smaller responses are not compressed.
    pub compression_min_bytes: u64,
    /// A GET must have one of these headers, which browsers do not send cross-site without a preflight (or
    /// `content-type: application/json`, or a header that identifies a client).
    pub csrf_headers: Vec<String>,
    /// Client headers forwarded to subgraphs, which pages may set and cached answers vary by. If `authorization` is among them, HTTP subgraphs get the client's token,
    /// whether it came in the header or in a WebSocket's `connection_init`.
    pub forward_headers: Vec<String>,
    /// Number of trusted proxies in front: that many of the last `X-Forwarded-For` entries are trusted.
    pub trusted_proxies: usize,
    /// How long a process keeps accepting connections after SIGTERM, while `/readyz` already answers 503: long enough
    /// for load balancers to notice and send requests elsewhere. Unset: 5s in production, none in development.
    pub drain_delay: Option<Duration>,
    pub connections: ConnectionsConfig,
    pub overload: OverloadConfig,
    pub rates: RatesConfig,
    pub cors: CorsConfig,
    pub persisted_queries: PersistedQueriesConfig,
    pub batching: BatchingConfig,
    pub websocket: WebSocketConfig,
    pub streaming: StreamingConfig,
}

/// Long enough for load balancers that poll `/readyz` every second or two.
const DRAIN_DELAY: std::time::Duration = std::time::Duration::from_secs(5);

impl ServerConfig {
    /// How long to keep accepting connections after SIGTERM.
    pub fn drain_delay(&self) -> std::time::Duration {
        match self.drain_delay {
            Some(delay) => delay.get(),
            None if self.development => std::time::Duration::ZERO,
            None => DRAIN_DELAY,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            path: "/graphql".to_owned(),
            development: false,
            max_body_bytes: 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            compression: true,
            compression_min_bytes: 1024,
            csrf_headers: [
                "x-vantage-csrf",
                "apollo-require-preflight",
                "x-apollo-operation-name",
            ]
            .map(str::to_owned)
            .to_vec(),
            forward_headers: [
                LANGUAGE_HEADER,
                COUNTRY_HEADER,
                CURRENCY_HEADER,
                "traceparent",
                "tracestate",
            ]
            .map(str::to_owned)
            .to_vec(),
            trusted_proxies: 0,
            drain_delay: None,
            connections: ConnectionsConfig::default(),
            overload: OverloadConfig::default(),
            rates: RatesConfig::default(),
            cors: CorsConfig::default(),
            persisted_queries: PersistedQueriesConfig::default(),
            batching: BatchingConfig::default(),
            websocket: WebSocketConfig::default(),
            streaming: StreamingConfig::default(),
        }
    }
}

/// Live subscriptions over any protocol, and HTTP streams (server-sent events and `multipart/mixed`). Their number and
/// their draining at shutdown follow the WebSocket settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StreamingConfig {
    /// How long to keep retrying a lost subgraph before its subscriptions end with an error.
    pub source_recovery: Duration,
    /// Heartbeat interval of an idle HTTP stream: proxies and clients time out on silence.
    pub heartbeat: Duration,
    /// Events kept for clients that reconnect with `Last-Event-ID`.
    pub resume_events: usize,
    /// How long a stream continues for a client that has lost its connection.
    pub resume_window: Duration,
}

impl Default for StreamingConfig {
    fn default() -> Self {
        Self {
            source_recovery: Duration::from_secs(30),
            heartbeat: Duration::from_secs(5),
            resume_events: 64,
            resume_window: Duration::from_secs(30),
        }
    }
}

/// Settings of `graphql-transport-ws` connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketConfig {
    /// How long a client may take to send `connection_init`; then 4408.
    pub init_timeout: Duration,
    pub ping_interval: Duration,
    /// How long a pong may take after its ping; then 4000.
    pub pong_timeout: Duration,
    /// How long a subscription's source may take to start; then 4002.
    pub subscribe_timeout: Duration,
    /// How long a client may take to answer a close frame.
    pub close_timeout: Duration,
    /// At shutdown, connections are closed at random moments spread over this period.
    pub drain_window: Duration,
    /// Connections of this instance; further upgrades are rejected with 503. At most nine tenths of `connections.max`,
    /// to leave room for others.
    pub max_connections: usize,
    /// Connections of one signed-in user; one more closes the oldest with 4001.
    pub max_connections_per_user: usize,
    /// Connections and streams of one address (one /64 network for IPv6) that are not signed in, or not yet. One more
    /// is rejected with 429.
    pub max_anonymous_per_address: usize,
    /// WebSocket upgrades per second from one address (one /64 network for IPv6), signed in or not, including rejected
    /// ones. More are rejected with 429. Null: unlimited.
    pub max_upgrades_per_second: Option<NonZeroU32>,
    /// The same per minute.
    pub max_upgrades_per_minute: Option<NonZeroU32>,
    /// Operations that may be open at once on a connection.
    pub max_operations: usize,
    /// The same for a connection that is not signed in.
    pub max_anonymous_operations: usize,
    /// Queries and mutations of a connection that are running or whose responses are still being written. Others wait.
    pub max_running: usize,
    pub max_message_bytes: usize,
    /// Unread events kept per operation; beyond that, only the newest.
    pub queued_events: usize,
    /// Allocated for every open connection: small, because there are many.
    pub read_buffer_bytes: usize,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            init_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            pong_timeout: Duration::from_secs(10),
            subscribe_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            drain_window: Duration::from_secs(10),
            max_connections: 10_000,
            max_connections_per_user: 5,
            max_anonymous_per_address: 200,
            max_upgrades_per_second: NonZeroU32::new(10),
            max_upgrades_per_minute: NonZeroU32::new(100),
            max_operations: 20,
            max_anonymous_operations: 10,
            max_running: 4,
            max_message_bytes: 64 * 1024,
            queued_events: 16,
            read_buffer_bytes: 512,
        }
    }
}

impl ServerConfig {
    /// Whether subgraphs get the client's token.
    pub fn forwards_authorization(&self) -> bool {
        let mut names = self.forward_headers.iter();
        names.any(|name| name.eq_ignore_ascii_case("authorization"))
    }

    /// Checks what the types cannot express.
    pub fn validate(&self) -> Result<(), ServerConfigError> {
        if !self.path.starts_with('/') || self.path.contains(['{', '}', '*']) {
            return Err(ServerConfigError::Path(self.path.clone()));
        }
        let ws = &self.websocket;
        let connections = &self.connections;
        let persisted = &self.persisted_queries;
        let sizes = [
            ("max_body_bytes", self.max_body_bytes),
            ("websocket.max_connections", ws.max_connections),
            (
                "websocket.max_connections_per_user",
                ws.max_connections_per_user,
            ),
            (
                "websocket.max_anonymous_per_address",
                ws.max_anonymous_per_address,
            ),
            ("websocket.max_operations", ws.max_operations),
            (
                "websocket.max_anonymous_operations",
                ws.max_anonymous_operations,
            ),
            ("connections.max", connections.max.unwrap_or(1)),
            (
                "connections.max_per_address",
                connections.max_per_address.unwrap_or(1),
            ),
            ("websocket.max_running", ws.max_running),
            ("connections.max_unsent_bytes", connections.max_unsent_bytes),
            (
                "connections.max_unsent_bytes_per_connection",
                connections.max_unsent_bytes_per_connection,
            ),
            ("websocket.max_message_bytes", ws.max_message_bytes),
            ("websocket.queued_events", ws.queued_events),
            ("websocket.read_buffer_bytes", ws.read_buffer_bytes),
            ("overload.max_running", self.overload.max_running),
            ("streaming.resume_events", self.streaming.resume_events),
            ("persisted_queries.max_entries", persisted.max_entries),
            ("persisted_queries.max_bytes", persisted.max_bytes),
            (
                "persisted_queries.max_entry_bytes",
                persisted.max_entry_bytes,
            ),
        ];
        let times = [
            ("body_timeout", self.body_timeout),
            ("connections.header_timeout", connections.header_timeout),
            ("connections.idle_timeout", connections.idle_timeout),
            ("connections.ping_interval", connections.ping_interval),
            ("connections.ping_timeout", connections.ping_timeout),
            ("connections.write_timeout", connections.write_timeout),
            ("websocket.init_timeout", ws.init_timeout),
            ("websocket.ping_interval", ws.ping_interval),
            ("websocket.pong_timeout", ws.pong_timeout),
            ("websocket.subscribe_timeout", ws.subscribe_timeout),
            ("websocket.close_timeout", ws.close_timeout),
            ("overload.target_delay", self.overload.target_delay),
            ("overload.max_wait", self.overload.max_wait),
            ("streaming.heartbeat", self.streaming.heartbeat),
            ("persisted_queries.ttl", persisted.ttl),
        ];
        let zero_size = sizes.into_iter().find(|(_, size)| *size == 0);
        let zero_time = times.into_iter().find(|(_, time)| time.is_zero());
        if let Some(key) = zero_size
            .map(|(key, _)| key)
            .or(zero_time.map(|(key, _)| key))
        {
            return Err(ServerConfigError::Zero { key });
        }
        header_names("csrf_headers", &self.csrf_headers)?;
        for name in header_names("forward_headers", &self.forward_headers)? {
            if is_of_the_connection(&name) {
                return Err(ServerConfigError::NotForwardable(name.to_string()));
            }
        }
        header_names("cors.allow_headers", &self.cors.allow_headers)?;
        Origins::new(&self.cors, self.development, Arc::default()).map(|_| ())
    }
}

/// Whether a header describes one connection or one body, so that it would be wrong in another request: the length of a
/// client's body would frame the router's.
fn is_of_the_connection(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 14] = [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::EXPECT,
        header::HOST,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    NAMES.contains(name)
}

/// Parses the header names in a list of the configuration, given its key.
pub(super) fn header_names(
    key: &'static str,
    names: &[String],
) -> Result<Vec<HeaderName>, ServerConfigError> {
    let parse = |name: &String| {
        name.to_ascii_lowercase()
            .parse()
            .map_err(|_| ServerConfigError::Header {
                key,
                name: name.clone(),
            })
    };
    names.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_come_back_from_their_own_text() {
        let config = ServerConfig::default();
        config.validate().expect("valid");
        let text = serde_json::to_string(&config).expect("text");
        assert_eq!(
            serde_json::from_str::<ServerConfig>(&text).expect("a configuration"),
            config
        );
    }

    #[test]
    fn values_that_cannot_work_are_named() {
        let check = |json: &str, expect: &str| {
            let config: ServerConfig = serde_json::from_str(json).expect(json);
            let error = config.validate().expect_err(json).to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(r#"{"path":"graphql"}"#, "server.path");
        check(
            r#"{"websocket":{"pong_timeout":"0s"}}"#,
            "websocket.pong_timeout",
        );
        check(r#"{"overload":{"max_running":0}}"#, "overload.max_running");
        check(r#"{"csrf_headers":["a b"]}"#, "csrf_headers: `a b`");
        for name in ["Content-Length", "host", "transfer-encoding", "TE"] {
            let text = format!(r#"{{"forward_headers":["x-a","{name}"]}}"#);
            check(&text, "belongs to one connection");
        }
        check(
            r#"{"cors":{"allow_headers":["x y"]}}"#,
            "cors.allow_headers: `x y`",
        );
        check(
            r#"{"cors":{"origins":["shop.example.com"]}}"#,
            "shop.example.com",
        );
        check(
            r#"{"cors":{"origins":["*"],"allow_credentials":true}}"#,
            "credentials",
        );
        assert!(serde_json::from_str::<ServerConfig>(r#"{"websocket":{"pings":1}}"#).is_err());
    }
}
