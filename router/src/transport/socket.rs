//! Subscriptions to a subgraph over `graphql-transport-ws`, one connection each.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use bytes::Bytes;
use futures::SinkExt;
use futures::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use url::Url;

use super::{EventStream, SubgraphRequest, SubgraphResponse, TransportError};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The one subscription of a connection.
const ID: &str = "1";

/// A message from the subgraph.
#[derive(Deserialize)]
struct Incoming<'m> {
    r#type: &'m str,
    #[serde(borrow, default)]
    payload: Option<&'m RawValue>,
}

/// Opens a connection and the subscription on it. `wait` bounds the time until the subgraph accepts.
pub(super) async fn subscribe(
    name: &str,
    url: &Url,
    headers: HeaderMap,
    request: SubgraphRequest,
    wait: Duration,
) -> Result<EventStream, TransportError> {
    let subgraph = name.to_owned();
    let opened = tokio::time::timeout(wait, open(url, headers, &request)).await;
    let socket = match opened {
        Ok(Ok(socket)) => socket,
        Ok(Err(reason)) => return Err(TransportError::Unavailable { subgraph, reason }),
        Err(_) => return Err(TransportError::Deadline { subgraph }),
    };
    let connection = Connection {
        socket,
        request,
        subgraph,
        ended: false,
    };
    Ok(stream::unfold(connection, |mut connection| async move {
        let event = connection.next().await?;
        Some((event, connection))
    })
    .boxed())
}

async fn open(url: &Url, headers: HeaderMap, request: &SubgraphRequest) -> Result<Socket, String> {
    let mut upgrade = url.as_str().into_client_request().map_err(words)?;
    upgrade.headers_mut().extend(headers);
    let protocol = HeaderValue::from_static("graphql-transport-ws");
    upgrade
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    let (mut socket, _) = connect_async(upgrade).await.map_err(words)?;
    send(&mut socket, "{\"type\":\"connection_init\"}".to_owned()).await?;
    loop {
        let text = text(&mut socket)
            .await?
            .ok_or("it closed before it accepted")?;
        let message: Incoming<'_> = serde_json::from_str(text.as_str()).map_err(words)?;
        match message.r#type {
            "connection_ack" => break,
            "ping" => send(&mut socket, "{\"type\":\"pong\"}".to_owned()).await?,
            other => return Err(format!("it answered the handshake with `{other}`")),
        }
    }
    let payload = String::from_utf8(request.to_json()).map_err(words)?;
    let subscribe = format!("{{\"id\":\"{ID}\",\"type\":\"subscribe\",\"payload\":{payload}}}");
    send(&mut socket, subscribe).await?;
    Ok(socket)
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn send(socket: &mut Socket, text: String) -> Result<(), String> {
    socket.send(Message::text(text)).await.map_err(words)
}

/// The next text message; `None` when the subgraph has closed.
async fn text(socket: &mut Socket) -> Result<Option<Utf8Bytes>, String> {
    while let Some(message) = socket.next().await {
        match message.map_err(words)? {
            Message::Text(text) => return Ok(Some(text)),
            Message::Close(_) => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}

struct Connection {
    socket: Socket,
    request: SubgraphRequest,
    subgraph: String,
    ended: bool,
}

impl Connection {
    /// The next event; `None` after the subgraph has completed.
    async fn next(&mut self) -> Option<Result<SubgraphResponse, TransportError>> {
        while !self.ended {
            let text = match text(&mut self.socket).await {
                Ok(Some(text)) => text,
                Ok(None) => return Some(self.lost("it closed the connection".to_owned())),
                Err(reason) => return Some(self.lost(reason)),
            };
            let body = Bytes::from(text);
            let message: Incoming<'_> = match serde_json::from_slice(&body) {
                Ok(message) => message,
                Err(error) => return Some(self.lost(error.to_string())),
            };
            let payload = message
                .payload
                .map(|payload| body.slice_ref(payload.get().as_bytes()));
            match (message.r#type, payload) {
                ("next", Some(payload)) => return Some(self.request.decode(&payload)),
                ("error", payload) => {
                    self.ended = true;
                    let errors = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
                    return Some(Ok(SubgraphResponse {
                        errors: errors.unwrap_or_default(),
                        ..SubgraphResponse::default()
                    }));
                }
                ("complete", _) => self.ended = true,
                ("ping", _) => {
                    if let Err(reason) =
                        send(&mut self.socket, "{\"type\":\"pong\"}".to_owned()).await
                    {
                        return Some(self.lost(reason));
                    }
                }
                _ => {}
            }
        }
        // Says goodbye; what comes of it no longer matters.
        let _ = self.socket.close(None).await;
        None
    }

    fn lost(&mut self, reason: String) -> Result<SubgraphResponse, TransportError> {
        self.ended = true;
        Err(TransportError::Unavailable {
            subgraph: self.subgraph.clone(),
            reason,
        })
    }
}
