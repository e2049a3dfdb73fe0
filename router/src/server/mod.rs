//! The edge: GraphQL over HTTP and over WebSocket, as one route to mount in an [`axum::Router`].

mod address_limit;
mod client;
mod clients_reload;
mod close_reason;
mod config;
mod connections;
mod document_id;
mod documents;
mod encoding;
mod http;
mod operation_log;
mod origin;
mod params;
mod rates;
mod refusal;
mod state;
mod unsent;
mod ws;

use std::sync::Arc;

use axum::routing::any;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

pub use address_limit::{AddressLimiter, AddressPermit};
pub use client::client_ip;
pub use close_reason::CloseReason;
pub use config::{
    ConnectionsConfig, CorsConfig, PersistedQueriesConfig, RateConfig, RatesConfig, ServerConfig,
    ServerConfigError, StreamingConfig, WebSocketConfig,
};
pub use connections::Connections;
pub use encoding::prefers_gzip;
pub use state::ServerState;
pub use unsent::Unsent;

/// The GraphQL endpoint at the configured path: GET, POST and WebSocket upgrades, with CORS and
/// compression. Serve it with connect info (`into_make_service_with_connect_info::<SocketAddr>()`),
/// so that subgraphs learn the caller's address.
pub fn graphql_routes(state: ServerState) -> axum::Router {
    let config = &state.config;
    let headers = [
        &state.csrf_headers,
        &state.forward_headers,
        &state.allow_headers,
    ];
    let headers = headers.into_iter().flat_map(|names| names.iter().cloned());
    let cors = origin::cors_layer(Arc::clone(&state.origins), &config.cors, headers);
    let compression = CompressionLayer::new()
        .zstd(config.compression)
        .br(config.compression)
        .gzip(config.compression)
        .quality(CompressionLevel::Fastest)
        .compress_when(
            SizeAbove::new(config.compression_min_bytes)
                // An event must not wait in a compressor for more to come.
                .and(NotForContentType::SSE)
                .and(NotForContentType::const_new("multipart/mixed")),
        );
    let mut routes = axum::Router::new().route(&config.path, any(http::handle));
    // Below the root there are other pages.
    if config.path != "/" {
        let document = format!("{}/{{id}}", config.path.trim_end_matches('/'));
        routes = routes.route(&document, any(http::handle_document));
    }
    routes
        .layer(compression)
        .layer(axum::middleware::map_request(async |request| {
            encoding::select_encoding(request)
        }))
        .layer(cors)
        .with_state(state)
}
