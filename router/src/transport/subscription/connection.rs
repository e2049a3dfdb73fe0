//! One WebSocket with many operations. A task reads each event and passes it to its operation; it never waits for a
//! watcher.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use futures::stream::{SplitSink, SplitStream, StreamExt};
use futures::{Sink, SinkExt};
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use super::SubscriptionOptions;
use super::close_reason::CloseReason;
use super::event_queue::{End, EventQueue};
use crate::transport::HttpTransportOptions;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PONG: &str = "{\"type\":\"pong\"}";

/// A message from the subgraph.
#[derive(Deserialize)]
struct Incoming<'m> {
    r#type: &'m str,
    #[serde(borrow, default)]
    id: Option<Cow<'m, str>>,
    #[serde(borrow, default)]
    payload: Option<&'m RawValue>,
}

/// A connection, including one that is still being opened.
#[derive(Debug)]
pub(super) struct Connection {
    state: Mutex<State>,
    phase: watch::Sender<Phase>,
    /// Messages to write. Bounded by the operations that arrive while the subgraph does not read, for at most the time
    /// between two pings.
    outbox: mpsc::UnboundedSender<String>,
    options: SubscriptionOptions,
    /// Time limit for connecting.
    patience: Duration,
    max_bytes: usize,
}

#[derive(Debug)]
struct State {
    closed: bool,
    last_id: u64,
    operations: HashMap<u64, Arc<EventQueue>>,
    /// When the last operation left.
    idle_since: Instant,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    Accepted,
    Closed(CloseReason),
}

/// An operation on a connection. Dropping it ends the operation at the subgraph.
#[derive(Debug)]
pub(super) struct Operation {
    connection: Arc<Connection>,
    id: u64,
    inbox: Arc<EventQueue>,
}

impl Connection {
    /// Connects in the background.
    pub(super) fn open(
        upgrade: Request,
        tls: Option<Connector>,
        options: &HttpTransportOptions,
    ) -> Arc<Self> {
        let (outbox, messages) = mpsc::unbounded_channel();
        let connection = Arc::new(Self {
            state: Mutex::new(State {
                closed: false,
                last_id: 0,
                operations: HashMap::new(),
                idle_since: Instant::now(),
            }),
            phase: watch::Sender::new(Phase::Connecting),
            outbox,
            options: options.subscriptions.clone(),
            patience: options.deadline,
            max_bytes: options.max_response_bytes,
        });
        let driven = Arc::clone(&connection);
        tokio::spawn(async move {
            let closed = driven.run(upgrade, tls, messages).await;
            driven.close(closed);
        });
        connection
    }

    pub(super) fn is_open(&self) -> bool {
        !self.state().closed
    }

    /// Adds an operation if there is room. It is sent once the subgraph has accepted the connection.
    pub(super) fn begin(self: &Arc<Self>, payload: &str) -> Option<Operation> {
        let mut state = self.state();
        if state.closed || state.operations.len() >= self.options.per_connection.max(1) {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let inbox = Arc::new(EventQueue::new(self.options.queued_events, self.max_bytes));
        state.operations.insert(id, Arc::clone(&inbox));
        // Under the lock, so that it is queued before its end.
        self.write(format!(
            "{{\"id\":\"{id}\",\"type\":\"subscribe\",\"payload\":{payload}}}"
        ));
        drop(state);
        Some(Operation {
            connection: Arc::clone(self),
            id,
            inbox,
        })
    }

    fn write(&self, message: String) {
        // A closed connection discards it; its operations have been notified.
        let _ = self.outbox.send(message);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while holding the lock.
        self.state.lock()
    }

    async fn run(
        &self,
        upgrade: Request,
        tls: Option<Connector>,
        messages: mpsc::UnboundedReceiver<String>,
    ) -> CloseReason {
        let socket = match timeout(self.patience, self.connect(upgrade, tls)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(closed)) => return closed,
            Err(_) => return CloseReason::Late,
        };
        metrics::gauge!("router_subgraph_sockets").increment(1);
        self.phase.send_replace(Phase::Accepted);
        let (sink, stream) = socket.split();
        // Both concurrently: a subgraph that waits for us to read must not block our writes.
        let closed = tokio::select! {
            closed = self.read_all(stream) => closed,
            closed = self.write_all(sink, messages) => closed,
        };
        metrics::gauge!("router_subgraph_sockets").decrement(1);
        closed
    }

    async fn connect(
        &self,
        upgrade: Request,
        tls: Option<Connector>,
    ) -> Result<Socket, CloseReason> {
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .write_buffer_size(0)
            .max_message_size(Some(self.max_bytes))
            .max_frame_size(Some(self.max_bytes));
        let init = init(&upgrade);
        let (mut socket, _) = connect_async_tls_with_config(upgrade, Some(config), true, tls)
            .await
            .map_err(|error| CloseReason::on_connect(&error))?;
        socket
            .send(Message::text(init))
            .await
            .map_err(CloseReason::lost)?;
        loop {
            let text = match socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    return Err(CloseReason::from_close_frame(frame.as_ref(), false));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(CloseReason::lost(error)),
                None => return Err(CloseReason::from_close_frame(None, false)),
            };
            let message: Incoming<'_> =
                serde_json::from_str(text.as_str()).map_err(CloseReason::lost)?;
            match message.r#type {
                "connection_ack" => return Ok(socket),
                "ping" => socket
                    .send(Message::text(PONG))
                    .await
                    .map_err(CloseReason::lost)?,
                other => {
                    let reason = format!("it answered the handshake with `{other}`");
                    return Err(CloseReason::Refused(reason));
                }
            }
        }
    }

    async fn read_all(&self, mut stream: SplitStream<Socket>) -> CloseReason {
        let silence = self.options.ping.mul_f64(1.5);
        loop {
            match timeout(silence, stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    if let Err(error) = self.message(text.as_str()) {
                        return CloseReason::lost(error);
                    }
                }
                Ok(Some(Ok(Message::Close(frame)))) => {
                    return CloseReason::from_close_frame(frame.as_ref(), true);
                }
                // The library answers pings, and a pong is a sign of life.
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return CloseReason::lost(error),
                Ok(None) => return CloseReason::from_close_frame(None, true),
                Err(_) => return CloseReason::Lost("it has become silent".to_owned()),
            }
        }
    }

    fn message(&self, text: &str) -> Result<(), serde_json::Error> {
        let message: Incoming<'_> = serde_json::from_str(text)?;
        let id = message.id.as_deref().and_then(|id| id.parse().ok());
        let payload = message.payload.map(|payload| payload.get().as_bytes());
        match (message.r#type, id) {
            ("next", Some(id)) => {
                // Messages in flight to an operation that has left are dropped.
                let inbox = self.state().operations.get(&id).cloned();
                if let Some(inbox) = inbox {
                    inbox.push(payload.unwrap_or(b"null"));
                }
            }
            ("error", Some(id)) => {
                let errors = bytes::Bytes::copy_from_slice(payload.unwrap_or(b"[]"));
                self.end(id, End::Errors(errors));
            }
            ("complete", Some(id)) => self.end(id, End::Complete),
            ("ping", _) => self.write(PONG.to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// Ends an operation that the subgraph has ended.
    fn end(&self, id: u64, end: End) {
        if let Some(inbox) = self.state().remove(id) {
            inbox.end(end);
        }
    }

    async fn write_all(
        &self,
        mut sink: SplitSink<Socket, Message>,
        mut messages: mpsc::UnboundedReceiver<String>,
    ) -> CloseReason {
        let mut pings =
            tokio::time::interval_at(Instant::now() + self.options.ping, self.options.ping);
        let mut looks = tokio::time::interval(self.options.idle.max(Duration::from_millis(1)));
        loop {
            let message = tokio::select! {
                Some(message) = messages.recv() => Message::text(message),
                _ = pings.tick() => Message::Ping(bytes::Bytes::new()),
                _ = looks.tick() => {
                    if self.close_if_idle() {
                        // Closes politely; the outcome does not matter.
                        let _ = timeout(self.options.ping, sink.close()).await;
                        return CloseReason::Lost("it was not used".to_owned());
                    }
                    continue;
                }
            };
            if let Err(closed) = send(&mut sink, message, self.options.ping).await {
                return closed;
            }
        }
    }

    /// Stops accepting operations after an idle period.
    fn close_if_idle(&self) -> bool {
        let mut state = self.state();
        let idle = state.operations.is_empty() && state.idle_since.elapsed() >= self.options.idle;
        state.closed |= idle;
        idle
    }

    /// Notifies all operations of the end.
    fn close(&self, closed: CloseReason) {
        let operations = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.operations)
        };
        for inbox in operations.into_values() {
            inbox.end(End::Closed(closed.clone()));
        }
        self.phase.send_replace(Phase::Closed(closed));
    }
}

impl State {
    fn remove(&mut self, id: u64) -> Option<Arc<EventQueue>> {
        let inbox = self.operations.remove(&id)?;
        if self.operations.is_empty() {
            self.idle_since = Instant::now();
        }
        Some(inbox)
    }
}

async fn send<S>(sink: &mut S, message: Message, wait: Duration) -> Result<(), CloseReason>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    let lost = |error: &dyn Display| CloseReason::lost(error);
    match timeout(wait, sink.send(message)).await {
        Ok(sent) => sent.map_err(|error| lost(&error)),
        Err(late) => Err(lost(&late)),
    }
}

impl Operation {
    pub(super) fn inbox(&self) -> Arc<EventQueue> {
        Arc::clone(&self.inbox)
    }

    /// Waits until the subgraph has accepted the connection.
    pub(super) async fn accepted(&self) -> Result<(), CloseReason> {
        let mut phase = self.connection.phase.subscribe();
        let settled = phase
            .wait_for(|phase| !matches!(phase, Phase::Connecting))
            .await;
        match settled.as_deref() {
            Ok(Phase::Closed(closed)) => Err(closed.clone()),
            // The connection holds the sender.
            _ => Ok(()),
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let mut state = self.connection.state();
        if state.remove(self.id).is_some() {
            let id = self.id;
            self.connection
                .write(format!("{{\"id\":\"{id}\",\"type\":\"complete\"}}"));
        }
    }
}

/// The first message: subgraphs look for a token here or in the upgrade.
fn init(upgrade: &Request) -> String {
    let token = upgrade.headers().get(AUTHORIZATION);
    match token.and_then(|token| token.to_str().ok()) {
        Some(token) => {
            let payload = serde_json::json!({ "authorization": token });
            format!("{{\"type\":\"connection_init\",\"payload\":{payload}}}")
        }
        None => "{\"type\":\"connection_init\"}".to_owned(),
    }
}
