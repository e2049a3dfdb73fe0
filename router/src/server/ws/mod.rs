//! GraphQL over WebSocket: the protocol `graphql-transport-ws`.

mod connection;
mod operation;
mod protocol;
mod queue;
mod timers;

use axum::extract::WebSocketUpgrade;
use axum::response::Response;
use futures::StreamExt;
use tracing::Instrument;

use self::connection::Connection;
use super::client::Client;
use super::refusal::Refusal;
use super::state::ServerState;
use super::unsent::Unsent;
use crate::auth::Identity;

const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Accepts an upgrade whose origin and credentials have been checked, if there is room.
pub(super) fn upgrade(
    state: ServerState,
    client: Client,
    identity: Identity,
    unsent: Unsent,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let lease = state
        .connections
        .admit(client.ip)
        .map_err(|reason| Refusal::at_capacity(reason, "WebSockets"))?;
    let config = &state.config.websocket;
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(config.read_buffer_bytes)
        .write_buffer_size(0)
        .max_message_size(config.max_message_bytes)
        .max_frame_size(config.max_message_bytes);
    let speaks_protocol = upgrade.selected_protocol().is_some();
    let connection = Connection::new(state, client, identity, lease, unsent, speaks_protocol);
    let connection = Box::new(connection);
    Ok(upgrade.on_upgrade(move |socket| {
        let (sink, stream) = socket.split();
        let span = connection.span();
        // A task of its own: the one that has upgraded keeps room for that as long as it lives.
        tokio::spawn(connection.run(sink, stream).instrument(span));
        std::future::ready(())
    }))
}
