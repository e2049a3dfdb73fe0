//! A WebSocket test client.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::kit::Edge;

/// A connection to the server.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What a client received.
#[derive(Debug, PartialEq)]
pub(crate) enum Got {
    Json(Value),
    Ping,
    Close(u16, String),
    /// The connection ended without a close frame.
    End,
}

impl Got {
    pub(crate) fn json(self) -> Value {
        match self {
            Self::Json(value) => value,
            other => panic!("expected a message, got {other:?}"),
        }
    }
}

impl Socket {
    /// Opens a connection with the right subprotocol.
    pub(crate) async fn open(edge: &Edge) -> Self {
        Self::open_with(edge, &[("sec-websocket-protocol", "graphql-transport-ws")])
            .await
            .expect("an upgrade")
    }

    /// Opens a connection with these headers; returns the HTTP response if it is rejected.
    pub(crate) async fn open_with(
        edge: &Edge,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Response<Option<Vec<u8>>>>> {
        Self::open_at(edge, "/graphql", headers).await
    }

    /// The same at this path.
    pub(crate) async fn open_at(
        edge: &Edge,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Response<Option<Vec<u8>>>>> {
        let mut request = format!("ws://{}{path}", edge.address)
            .into_client_request()
            .expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(response),
            Err(error) => panic!("no connection: {error}"),
        }
    }

    /// Opens and initializes a connection with this `connection_init` payload.
    pub(crate) async fn ready(edge: &Edge, payload: Value) -> Self {
        let mut socket = Self::open(edge).await;
        socket
            .send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(
            socket.next().await.json(),
            json!({"type": "connection_ack"})
        );
        socket
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("sent");
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({"id": id, "type": "subscribe", "payload": {"query": query}}))
            .await;
    }

    /// The next frame; answers pings. Panics after ten seconds.
    pub(crate) async fn next_or_ping(&mut self) -> Got {
        let message = tokio::time::timeout(crate::kit::PATIENCE, self.stream.next())
            .await
            .expect("something within ten seconds");
        match message {
            Some(Ok(Message::Text(text))) => Got::Json(serde_json::from_str(&text).expect("JSON")),
            Some(Ok(Message::Ping(_))) => Got::Ping,
            Some(Ok(Message::Close(Some(frame)))) => {
                Got::Close(frame.code.into(), frame.reason.to_string())
            }
            Some(Ok(Message::Close(None)) | Err(_)) | None => Got::End,
            Some(Ok(other)) => panic!("unexpected {other:?}"),
        }
    }

    /// The next message, or the end.
    pub(crate) async fn next(&mut self) -> Got {
        loop {
            match self.next_or_ping().await {
                Got::Ping => {}
                got => return got,
            }
        }
    }

    /// The close code; ignores earlier messages.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.next().await {
                Got::Close(code, reason) => {
                    assert!(!reason.is_empty(), "{code} without a reason");
                    // Completes the closing handshake, which the server waits for.
                    while let Some(Ok(_)) = self.stream.next().await {}
                    return code;
                }
                Got::End => panic!("the connection ended without a close frame"),
                Got::Json(_) | Got::Ping => {}
            }
        }
    }
}
