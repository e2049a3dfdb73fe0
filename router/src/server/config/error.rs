//! Errors in the server's configuration.

/// Which value is invalid, and why.
#[derive(Debug, thiserror::Error)]
pub enum ServerConfigError {
    #[error("server.path `{0}` must begin with `/` and have no `{{`, `}}` or `*`")]
    Path(String),
    #[error("server.{key} must be more than zero")]
    Zero { key: &'static str },
    #[error("server.{key}: `{name}` is not a header name")]
    Header { key: &'static str, name: String },
    #[error(
        "server.forward_headers: `{0}` belongs to one connection or one body, and the router sends its own"
    )]
    NotForwardable(String),
    #[error(
        "server.cors.origins: `{0}` is not an origin: write scheme://host or scheme://host:port"
    )]
    Origin(String),
    #[error(
        "server.cors: `*` cannot be combined with allow_credentials, or any site could act for its visitors"
    )]
    AnyOriginWithCredentials,
}
