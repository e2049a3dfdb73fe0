//! The edge: GraphQL over HTTP and WebSocket, as a route to mount in an [`axum::Router`].

mod address_limit;
mod body;
mod client;
mod client_request;
mod clients_reload;
mod close_reason;
mod config;
mod connections;
mod document_id;
mod documents;
mod encoding;
mod execution;
mod http;
mod operation_log;
mod origin;
mod overload;
mod params;
mod rates;
mod refusal;
mod sender;
mod state;
mod unsent;
mod ws;

use axum::http::{HeaderName, Method};
use axum::routing::any;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

pub use address_limit::{AddressLimiter, AddressPermit};
pub use client::client_ip;
pub use client_request::ClientRequest;
pub use close_reason::CloseReason;
pub use config::{
    BatchingConfig, ConnectionsConfig, CorsConfig, OverloadConfig, PersistedQueriesConfig,
    RateConfig, RatesConfig, ServerConfig, ServerConfigError, StreamingConfig, WebSocketConfig,
};
pub use connections::Connections;
pub use encoding::prefers_gzip;
pub use refusal::Refusal;
pub use state::{IdePage, ServerState};
pub use unsent::Unsent;
pub use ws::{EventProtocol, WatchRefusal};

/// The GraphQL endpoint at the configured path: GET, POST and WebSocket upgrades, with CORS and compression. Serve it
/// with connect info (`into_make_service_with_connect_info::<SocketAddr>()`), so that subgraphs learn the caller's
/// address.
pub fn graphql_routes(state: ServerState) -> axum::Router {
    let config = &state.config;
    let mut routes = axum::Router::new().route(&config.path, any(http::handle));
    // Other pages are below the root.
    if config.path != "/" {
        let document = format!("{}/{{id}}", config.path.trim_end_matches('/'));
        routes = routes.route(&document, any(http::handle_document));
    }
    let allowed = Allowed {
        methods: &[Method::GET, Method::POST],
        headers: &[],
        exposed: &[],
    };
    for_pages(routes, &state, &allowed).with_state(state)
}

/// Additional headers that pages of other sites may send and read.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    pub methods: &'a [Method],
    /// Request headers.
    pub headers: &'a [HeaderName],
    /// Response headers.
    pub exposed: &'a [HeaderName],
}

/// Adds CORS and compression to these routes, as configured.
pub fn for_pages<S>(
    routes: axum::Router<S>,
    state: &ServerState,
    allowed: &Allowed<'_>,
) -> axum::Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let config = &state.config;
    let compression = CompressionLayer::new()
        .zstd(config.compression)
        .br(config.compression)
        .gzip(config.compression)
        .quality(CompressionLevel::Fastest)
        .compress_when(
            SizeAbove::new(config.compression_min_bytes)
                // Events must not wait in a compressor.
                .and(NotForContentType::SSE)
                .and(NotForContentType::const_new("multipart/mixed")),
        );
    routes
        .layer(compression)
        .layer(axum::middleware::map_request(async |request| {
            encoding::select_encoding(request)
        }))
        .layer(state.cors(allowed))
}
