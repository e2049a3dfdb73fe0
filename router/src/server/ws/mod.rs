//! WebSockets: GraphQL over `graphql-transport-ws`, and single subscriptions in other protocols.

mod connection;
mod events;
mod graphql;
mod operation;
mod protocol;
mod queue;
mod timers;

use axum::extract::WebSocketUpgrade;
use axum::response::Response;
use futures::StreamExt;
use tracing::Instrument;

use self::connection::{Connection, Lifetime, Protocol};
pub use self::events::{EventProtocol, WatchRefusal};
use self::graphql::GraphQl;
use super::client::Client;
use super::config::WebSocketConfig;
use super::refusal::Refusal;
use super::state::ServerState;
use super::unsent::Unsent;
use crate::auth::Identity;

pub(super) use self::events::open as open_events;

const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Accepts an upgrade with verified origin and credentials, if there is capacity.
pub(super) fn upgrade(
    state: ServerState,
    client: Client,
    identity: Identity,
    unsent: Unsent,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let permit = state
        .connections
        .admit(client.ip)
        .map_err(|reason| Refusal::at_capacity(reason, "WebSockets"))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    let is_understood = upgrade.selected_protocol().is_some();
    let lifetime = Lifetime::new(&state, permit);
    let config = state.config.clone();
    let protocol = GraphQl::new(state.clone(), client, identity, unsent);
    let connection = Connection::new(state, lifetime, protocol, is_understood);
    let max_message_bytes = config.websocket.max_message_bytes;
    Ok(accept(
        connection,
        upgrade,
        &config.websocket,
        max_message_bytes,
    ))
}

/// Upgrades and serves the connection.
fn accept<P: Protocol>(
    connection: Connection<P>,
    upgrade: WebSocketUpgrade,
    config: &WebSocketConfig,
    max_message_bytes: usize,
) -> Response {
    let upgrade = upgrade
        .read_buffer_size(config.read_buffer_bytes)
        .write_buffer_size(0)
        .max_message_size(max_message_bytes)
        .max_frame_size(max_message_bytes);
    let connection = Box::new(connection);
    upgrade.on_upgrade(move |socket| {
        let (sink, stream) = socket.split();
        let span = connection.span();
        // A separate task: the upgrading one keeps its memory as long as it lives.
        tokio::spawn(connection.run(sink, stream).instrument(span));
        std::future::ready(())
    })
}
