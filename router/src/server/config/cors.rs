//! Which web pages may call the endpoint.

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which web pages may call, over HTTP and WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins such as `https://shop.example.com`; `*` alone allows every page, without credentials.
    pub origins: Vec<String>,
    /// Request headers that pages may set, besides `content-type`, `accept`, `authorization`, `last-event-id`,
    /// `x-request-id`, `csrf_headers` and `forward_headers`. By default, those that identify clients and trace
    /// requests.
    pub allow_headers: Vec<String>,
    /// Lets pages send cookies and read the responses.
    pub allow_credentials: bool,
    /// How long a browser may cache a preflight response.
    pub max_age: Duration,
}

/// Sent from pages by GraphQL client libraries, Sentry and OpenTelemetry.
const CLIENT_HEADERS: [&str; 15] = [
    "apollographql-client-name",
    "apollographql-client-version",
    "graphql-client-name",
    "graphql-client-version",
    "x-graphql-client-name",
    "x-graphql-client-version",
    "apollo-require-preflight",
    "x-apollo-operation-name",
    "x-apollo-operation-id",
    "x-apollo-operation-type",
    "x-correlation-id",
    "sentry-trace",
    "baggage",
    "traceparent",
    "tracestate",
];

impl Default for CorsConfig {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            allow_headers: CLIENT_HEADERS.map(str::to_owned).to_vec(),
            allow_credentials: false,
            max_age: Duration::from_secs(10 * 60),
        }
    }
}
