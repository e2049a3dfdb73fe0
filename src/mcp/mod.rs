//! The Model Context Protocol: clients' registered operations as tools for agents. A library speaks the protocol; each call
//! of a tool is a request of its client like any other.
#![expect(
    clippy::result_large_err,
    reason = "a rejection is the response to its request, and is moved once"
)]

mod endpoint;
mod metadata;
mod rejection;
mod server;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use axum::http::{HeaderName, Method, header};
use axum::routing::{get, post};
use router::server::{Allowed, ServerState, for_pages};
use url::Url;

use self::endpoint::Endpoint;
use self::metadata::Metadata;
use crate::config::Configuration;

/// Headers that repeat parts of the body for proxies, from revision 2026-07-28 on.
const STANDARD_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
];

/// What the configuration says of the endpoint.
#[derive(Debug)]
struct Settings {
    /// The client of requests that are no other's.
    client: Option<String>,
    page_size: usize,
    list_ttl: Duration,
    max_body_bytes: usize,
    /// Pages of this origin may call.
    public: Url,
    /// Where the metadata is, for those who have to sign in.
    metadata: Url,
}

/// The endpoint and its metadata; none where they are switched off.
pub(crate) fn routes(
    state: &ServerState,
    configuration: &Configuration,
) -> anyhow::Result<axum::Router> {
    let config = &configuration.mcp;
    if !config.enabled {
        return Ok(axum::Router::new());
    }
    if let Some(client) = &config.client
        && state.tools().of_client(client).is_none()
    {
        bail!("mcp.client: no client `{client}` in the clients file offers tools");
    }
    let public = configuration.public_url()?;
    let metadata = Metadata::new(&public, configuration)?;
    let settings = Settings {
        client: config.client.clone(),
        page_size: config.page_size.get(),
        list_ttl: config.list_ttl.get(),
        max_body_bytes: config.max_body_bytes.get(),
        metadata: metadata.url.clone(),
        public,
    };
    let (root, path) = (metadata::PATH, metadata.path.clone());
    let metadata = Arc::new(metadata);
    let described = state.clone();
    let describe = get(async move || metadata.answer(&described));
    let routes = axum::Router::new()
        .route(&config.path, post(endpoint::handle))
        .with_state(Endpoint::new(state, settings))
        .route(root, describe.clone())
        .route(&path, describe);
    let allowed = Allowed {
        methods: &[Method::GET, Method::POST],
        headers: &STANDARD_HEADERS,
        exposed: &[header::WWW_AUTHENTICATE],
    };
    Ok(for_pages(routes, state, &allowed))
}
