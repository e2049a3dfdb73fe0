//! The HTTP server as clients see it, over a tiny subgraph.

mod auth;
mod batching;
mod clients;
mod event_sockets;
mod http;
mod kit;
mod language;
mod middleware;
mod multiplexing;
mod overload;
mod persisted_queries;
mod provider;
mod rates;
mod registered_clients;
mod reload;
mod remote;
mod requests;
mod shared_caches;
mod shared_streams;
mod sockets;
mod streams;
mod subgraphs;
mod tls;
mod tokens;
mod ws;
mod ws_limits;
