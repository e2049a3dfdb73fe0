//! A graphql-transport-ws connection with one subscription.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::{SinkExt, StreamExt};
use reqwest::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use router::transport::websocket_connector;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use url::Url;

use super::failure::Failure;
use super::graphql::{HeaderArgument, header_map};
use super::operations::Operation;

/// A larger message is a failure.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// How a server closes a connection that has nothing wrong.
const NO_STATUS: u16 = 1005;

/// Opens connections to one endpoint, a limited number at a time.
#[derive(Clone)]
pub(super) struct Sockets {
    url: String,
    headers: HeaderMap,
    tls: Connector,
    connections: Arc<Semaphore>,
    timeout: Duration,
}

/// An acknowledged connection.
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    timeout: Duration,
    _connection: Option<OwnedSemaphorePermit>,
}

impl Sockets {
    pub(super) fn new(
        endpoint: &Url,
        headers: &[HeaderArgument],
        connections: u32,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        // The schemes ws and wss correspond to http and https.
        let url = endpoint.as_str().replacen("http", "ws", 1);
        Ok(Self {
            url,
            headers: header_map(headers),
            tls: websocket_connector().context("the certificates for TLS")?,
            connections: Arc::new(Semaphore::new(usize::try_from(connections)?)),
            timeout,
        })
    }

    /// Opens a connection for a customer, until the server has acknowledged it.
    pub(super) async fn connect(&self, token: &str) -> Result<Socket, Failure> {
        tokio::time::timeout(self.timeout, self.connect_in_turn(token))
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    /// Waits until there may be another connection first.
    async fn connect_in_turn(&self, token: &str) -> Result<Socket, Failure> {
        let connection = Arc::clone(&self.connections).acquire_owned().await;
        let request = self.url.as_str().into_client_request();
        let mut request = request.map_err(|error| Failure::of_socket(&error))?;
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("graphql-transport-ws"),
        );
        let config = WebSocketConfig::default()
            .read_buffer_size(8 * 1024)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let tls = Some(self.tls.clone());
        let (stream, _) = connect_async_tls_with_config(request, Some(config), true, tls)
            .await
            .map_err(|error| Failure::of_socket(&error))?;
        let mut socket = Socket {
            stream,
            timeout: self.timeout,
            _connection: connection.ok(),
        };
        let payload = json!({ "authorization": format!("Bearer {token}") });
        let init = json!({ "type": "connection_init", "payload": payload });
        socket.send(&init).await?;
        let answer = socket.receive().await?;
        if answer["type"] == "connection_ack" {
            Ok(socket)
        } else {
            Err(Failure::Unexpected("no connection_ack"))
        }
    }
}

impl Socket {
    /// Starts the subscription and returns the `data` of its first event.
    pub(super) async fn subscribe(
        &mut self,
        operation: &Operation,
        variables: &Value,
    ) -> Result<Value, Failure> {
        let timeout = self.timeout;
        let first = async {
            let payload = json!({
                "query": operation.document,
                "operationName": operation.name,
                "variables": variables,
            });
            let subscribe = json!({ "id": "1", "type": "subscribe", "payload": payload });
            self.send(&subscribe).await?;
            self.event().await
        };
        tokio::time::timeout(timeout, first)
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    /// Waits for the next event and returns its `data`.
    pub(super) async fn event(&mut self) -> Result<Value, Failure> {
        let mut message = self.receive().await?;
        match message["type"].as_str() {
            Some("next") => {
                let payload = &mut message["payload"];
                match payload.get("errors") {
                    Some(errors) if errors.as_array().is_some_and(|errors| !errors.is_empty()) => {
                        Err(Failure::of_errors(errors))
                    }
                    _ => Ok(payload.get_mut("data").map(Value::take).unwrap_or_default()),
                }
            }
            Some("error") => Err(Failure::of_errors(&message["payload"])),
            Some("complete") => Err(Failure::Unexpected("the subscription ended")),
            _ => Err(Failure::Unexpected("unknown message")),
        }
    }

    /// Closes politely.
    pub(super) async fn close(mut self) {
        // A server that does not answer is left alone; the journey is over.
        let _ = tokio::time::timeout(self.timeout, self.stream.close(None)).await;
    }

    async fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let message = Message::text(message.to_string());
        let sent = self.stream.send(message).await;
        sent.map_err(|error| Failure::of_socket(&error))
    }

    /// The next message that is not about the connection.
    async fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            let text = match self.stream.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(NO_STATUS, |frame| frame.code.into());
                    return Err(Failure::Closed(code));
                }
                // The library answers pings.
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(Failure::of_socket(&error)),
                None => return Err(Failure::Transport("connection closed")),
            };
            let message: Result<Value, _> = serde_json::from_str(text.as_str());
            let message = message.map_err(|_| Failure::Unexpected("no JSON"))?;
            match message["type"].as_str() {
                Some("ping") => self.send(&json!({ "type": "pong" })).await?,
                Some("pong") => {}
                _ => return Ok(message),
            }
        }
    }
}
