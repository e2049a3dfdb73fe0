//! The life of one connection: one task reads, writes, keeps time, and knows why it ends.

use std::pin::pin;
use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use axum::http::HeaderValue;
use futures::stream::{SplitSink, SplitStream};
use futures::{Sink, SinkExt, StreamExt};
use rand::RngExt;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Instrument, Span};

use super::operation;
use super::protocol::{self, ClientMessage};
use super::queue::{Outgoing, Queue};
use super::timers::{Due, Timers};
use crate::auth::{AuthError, Identity, JwtVerifier};
use crate::error::GraphQLError;
use crate::request::GraphQLRequest;
use crate::server::client::Client;
use crate::server::close_reason::CloseReason;
use crate::server::connections::ConnectionPermit;
use crate::server::refusal::Refusal;
use crate::server::state::ServerState;
use crate::server::unsent::Unsent;

pub(super) type Outbound = SplitSink<WebSocket, Message>;
pub(super) type Inbound = SplitStream<WebSocket>;

/// A connection, before and while it is open.
pub(super) struct Connection {
    state: ServerState,
    client: Client,
    identity: Identity,
    lease: ConnectionPermit,
    unsent: Unsent,
    /// The client asked for our subprotocol.
    speaks_protocol: bool,
    initialised: bool,
    queue: Arc<Queue>,
    timers: Timers,
    /// Tells when the connection must make room for a newer one of the same user.
    evicted: Option<oneshot::Receiver<CloseReason>>,
}

impl Connection {
    pub(super) fn new(
        state: ServerState,
        client: Client,
        identity: Identity,
        lease: ConnectionPermit,
        unsent: Unsent,
        speaks_protocol: bool,
    ) -> Self {
        let config = &state.config.websocket;
        Self {
            queue: Arc::new(Queue::new(
                config.max_operations,
                config.max_running,
                config.queued_events,
            )),
            timers: Timers::new(config, Instant::now()),
            state,
            client,
            identity,
            lease,
            unsent,
            speaks_protocol,
            initialised: false,
            evicted: None,
        }
    }

    /// Serves the connection to its end. There are many of these futures: what they hold is kept
    /// small, here by taking the socket in halves and `self` in a box.
    pub(super) async fn run(mut self: Box<Self>, mut sink: Outbound, mut stream: Inbound) {
        let opened = Instant::now();
        let reason = self.serve(&mut sink, &mut stream).await;
        self.queue.stop();
        Box::pin(self.close(reason, &mut sink, &mut stream)).await;
        metrics::counter!("router_websocket_closes_total", "reason" => reason.name()).increment(1);
        tracing::info!(
            reason = reason.name(),
            code = reason.code(),
            open_seconds = opened.elapsed().as_secs(),
            "connection closed"
        );
    }

    /// The span that the connection runs in.
    pub(super) fn span(&self) -> Span {
        // At the highest level, so that lines of every level have the id.
        tracing::error_span!("websocket", request_id = %self.client.request_id)
    }

    async fn serve(&mut self, sink: &mut Outbound, stream: &mut Inbound) -> CloseReason {
        if !self.speaks_protocol {
            return CloseReason::UnknownSubprotocol;
        }
        let connections = self.state.connections.clone();
        let queue = self.queue.clone();
        let mut writing = pin!(write(&queue, sink));
        let mut draining = pin!(connections.draining());
        let mut drains = false;
        let mut timer = pin!(sleep_until(self.timers.next()));
        loop {
            let verdict = tokio::select! {
                // Boxed, like all that is seldom done: there are many connections, and most wait.
                message = stream.next() => Box::pin(self.read(message)).await,
                reason = &mut writing => Err(reason),
                () = &mut timer => self.tick(),
                () = &mut draining, if !drains => {
                    drains = true;
                    self.drain();
                    Ok(())
                }
                reason = evicted(&mut self.evicted) => Err(reason),
            };
            if let Err(reason) = verdict {
                return reason;
            }
            if timer.deadline() != self.timers.next() {
                timer.as_mut().reset(self.timers.next());
            }
        }
    }

    fn tick(&mut self) -> Result<(), CloseReason> {
        match self.timers.due(Instant::now()) {
            Due::Nothing => Ok(()),
            Due::Ping => {
                let caller = &self.identity.caller;
                if self.initialised && self.client.identify(&self.state, caller).is_err() {
                    return Err(CloseReason::CredentialsRevoked);
                }
                self.queue.ping();
                Ok(())
            }
            Due::Close(reason) => Err(reason),
        }
    }

    /// Picks a moment of the window, so that not all clients reconnect at once.
    fn drain(&mut self) {
        let window = self.state.config.websocket.drain_window.get();
        let delay = window.mul_f64(rand::rng().random_range(0.0..1.0));
        self.timers.drain_at(Instant::now() + delay);
    }

    async fn read(
        &mut self,
        message: Option<Result<Message, axum::Error>>,
    ) -> Result<(), CloseReason> {
        match message {
            Some(Ok(Message::Text(text))) => self.handle(&text).await,
            Some(Ok(Message::Pong(_))) => {
                self.timers.ponged();
                Ok(())
            }
            // The WebSocket layer answers pings by itself.
            Some(Ok(Message::Ping(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(CloseReason::BadMessage),
            Some(Ok(Message::Close(_))) | None => Err(CloseReason::ClientClose),
            Some(Err(error)) => Err(transport_failure(&error)),
        }
    }

    async fn handle(&mut self, text: &str) -> Result<(), CloseReason> {
        let message = protocol::parse(text).map_err(|error| {
            tracing::debug!(%error, "bad message");
            CloseReason::BadMessage
        })?;
        match message {
            ClientMessage::ConnectionInit(_) if self.initialised => Err(CloseReason::TooManyInits),
            ClientMessage::ConnectionInit(payload) => {
                // Boxed, because it happens once but would make every connection larger for good.
                Box::pin(self.initialise(&payload)).await
            }
            ClientMessage::Ping(payload) => {
                self.queue.pong(protocol::pong(payload.as_deref()));
                Ok(())
            }
            ClientMessage::Pong => Ok(()),
            ClientMessage::Subscribe { .. } if !self.initialised => {
                Err(CloseReason::NotAcknowledged)
            }
            ClientMessage::Subscribe { id, request } => self.subscribe(id, request),
            ClientMessage::Complete { id } => {
                self.queue.cancel(&id);
                Ok(())
            }
        }
    }

    /// Settles who the client is: by the payload's token, else by the one the upgrade came with.
    async fn initialise(&mut self, payload: &Map<String, Value>) -> Result<(), CloseReason> {
        self.initialised = true;
        self.timers.initialised();
        match identify(&self.state.auth, payload).await {
            Ok(Some((identity, token))) => {
                self.identity = identity;
                self.client.authorize(token, &self.state.forward_headers);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "credentials refused");
                return Err(CloseReason::Forbidden);
            }
        }
        self.client.initialise(payload);
        if let Err(error) = self.client.identify(&self.state, &self.identity.caller) {
            tracing::debug!(%error, "client refused");
            return Err(CloseReason::Forbidden);
        }
        self.timers
            .expire_at(self.identity.expires_at, Instant::now());
        if let Some(user) = &self.identity.caller.subject {
            self.evicted = Some(self.lease.belongs_to(user));
        } else {
            let config = &self.state.config.websocket;
            self.queue.limit_operations(config.max_anonymous_operations);
        }
        self.queue.acknowledge();
        Ok(())
    }

    fn subscribe(
        &mut self,
        id: String,
        request: Result<Box<GraphQLRequest>, GraphQLError>,
    ) -> Result<(), CloseReason> {
        let span = tracing::info_span!("graphql", operation_id = %id);
        if let Some(ticket) = self.queue.open(id)? {
            let key = ticket.key();
            let caller = &self.identity.caller;
            let client = self.client.identify(&self.state, caller);
            let client = client.map_err(|error| Refusal::from(error).into_error());
            let (request, client) = match (request, client) {
                (Ok(request), Ok(client)) => (request, client),
                (Err(error), _) | (_, Err(error)) => {
                    ticket.fail(vec![error]);
                    return Ok(());
                }
            };
            let log = self.client.log.another();
            log.identified(&client);
            let running = operation::run(
                self.state.clone(),
                *request,
                self.client.context(&self.state, caller, client),
                log,
                self.unsent.clone(),
                ticket,
            );
            let task = tokio::spawn(running.instrument(span));
            self.queue.attach(key, task.abort_handle());
        }
        Ok(())
    }

    /// Says why, and waits for the client to agree: a connection cut at once may lose the reason.
    async fn close(&self, reason: CloseReason, sink: &mut Outbound, stream: &mut Inbound) {
        let farewell = async {
            if let Some(code) = reason.code() {
                let frame = CloseFrame {
                    code,
                    reason: Utf8Bytes::from_static(reason.message()),
                };
                if sink.send(Message::Close(Some(frame))).await.is_err() {
                    return;
                }
                while let Some(Ok(_)) = stream.next().await {}
            } else if reason == CloseReason::ClientClose {
                // Sends the answer to the client's close frame.
                let _ = sink.flush().await;
            }
        };
        let _ = timeout(self.state.config.websocket.close_timeout.get(), farewell).await;
    }
}

/// Writes what the queue has, until that fails or the queue asks to close.
async fn write<S>(queue: &Queue, sink: &mut S) -> CloseReason
where
    S: Sink<Message, Error = axum::Error> + Unpin,
{
    loop {
        let (message, until_written) = match queue.next().await {
            Outgoing::Text(text, until_written) => {
                match Utf8Bytes::try_from(bytes::Bytes::from(text)) {
                    Ok(text) => (Message::Text(text), until_written),
                    Err(error) => {
                        tracing::error!(%error, "a message is not UTF-8");
                        return CloseReason::TransportError;
                    }
                }
            }
            Outgoing::Ping => (Message::Ping(bytes::Bytes::new()), None),
            Outgoing::Close(reason) => return reason,
        };
        if sink.send(message).await.is_err() {
            return CloseReason::TransportError;
        }
        drop(until_written);
    }
}

async fn evicted(evicted: &mut Option<oneshot::Receiver<CloseReason>>) -> CloseReason {
    match evicted {
        Some(receiver) => match receiver.await {
            Ok(reason) => reason,
            // The sender goes with the lease, which this connection holds.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// The identity of `connection_init`'s payload, and its token as a header would have it, if it has one: with or without its
/// scheme.
async fn identify(
    auth: &JwtVerifier,
    payload: &Map<String, Value>,
) -> Result<Option<(Identity, HeaderValue)>, AuthError> {
    let value = ["authorization", "Authorization"]
        .into_iter()
        .find_map(|name| payload.get(name));
    let token = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(token)) if token.trim().contains(' ') => token.trim().to_owned(),
        Some(Value::String(token)) => format!("Bearer {}", token.trim()),
        Some(_) => return Err(AuthError::Scheme),
    };
    let identity = auth.identify(Some(&token)).await?;
    let token = HeaderValue::from_str(&token).map_err(|_| AuthError::Malformed)?;
    Ok(Some((identity, token)))
}

/// What a failed read means. The error's own type belongs to a crate that axum does not export, so
/// its words have to do; a test watches them.
fn transport_failure(error: &axum::Error) -> CloseReason {
    if error.to_string().starts_with("Space limit exceeded") {
        CloseReason::MessageTooLarge
    } else {
        CloseReason::TransportError
    }
}
