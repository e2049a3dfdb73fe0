//! OAuth 2.0 protected resource metadata (RFC 9728): tells agents where to get a token.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use router::server::ServerState;
use serde::Serialize;
use url::Url;

use crate::config::Configuration;

/// The metadata of the only resource here. The specification appends the resource's path.
pub(super) const PATH: &str = "/.well-known/oauth-protected-resource";

/// Scopes may change with the clients.
const CACHE: HeaderValue = HeaderValue::from_static("max-age=300");

/// What does not change.
#[derive(Debug)]
pub(super) struct Metadata {
    /// The endpoint, which tokens must be meant for.
    resource: Url,
    authorization_servers: Vec<String>,
    /// With the resource's path.
    pub(super) path: String,
    pub(super) url: Url,
}

#[derive(Serialize)]
struct Document<'a> {
    resource: &'a Url,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

impl Metadata {
    pub(super) fn new(public: &Url, configuration: &Configuration) -> anyhow::Result<Self> {
        let config = &configuration.mcp;
        let authorization_servers = match config.authorization_servers.as_slice() {
            [] => configuration.auth.issuer.iter().cloned().collect(),
            listed => listed.to_vec(),
        };
        let path = format!("{PATH}{}", config.path);
        Ok(Self {
            resource: public.join(&config.path)?,
            url: public.join(&path)?,
            authorization_servers,
            path,
        })
    }

    pub(super) fn answer(&self, state: &ServerState) -> Response {
        let tools = state.tools();
        let document = Document {
            resource: &self.resource,
            authorization_servers: &self.authorization_servers,
            scopes_supported: tools.scopes().into_iter().collect(),
            bearer_methods_supported: ["header"],
            resource_name: "Vantage",
        };
        ([(CACHE_CONTROL, CACHE)], Json(document)).into_response()
    }
}
