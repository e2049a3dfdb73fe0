//! The edge as clients see it: a listening server over a tiny subgraph.

mod around;
mod auth;
mod clients;
mod http;
mod kit;
mod language;
mod multiplexing;
mod provider;
mod reload;
mod remote;
mod requests;
mod sharing;
mod sockets;
mod streams;
mod subgraphs;
mod tls;
mod tokens;
mod ws;
mod ws_limits;
