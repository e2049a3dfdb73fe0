//! The edge as clients see it: a listening server over a tiny subgraph.

mod auth;
mod http;
mod kit;
mod sockets;
mod subgraphs;
mod ws;
mod ws_limits;
