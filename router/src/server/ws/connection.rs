//! The lifecycle of a WebSocket in any protocol: one task reads, writes, keeps time and knows why it ends.

use std::pin::pin;
use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::stream::{SplitSink, SplitStream};
use futures::{Sink, SinkExt, StreamExt};
use rand::RngExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Span;

use super::queue::Outgoing;
use super::timers::{Due, Timers};
use crate::auth::Identity;
use crate::server::close_reason::CloseReason;
use crate::server::connections::ConnectionPermit;
use crate::server::state::ServerState;

pub(super) type Outbound = SplitSink<WebSocket, Message>;
pub(super) type Inbound = SplitStream<WebSocket>;

/// The protocol of a connection.
pub(super) trait Protocol: Send + 'static {
    type Outbox: Outbox;

    /// The messages to write.
    fn outbox(&self) -> Arc<Self::Outbox>;

    fn request_id(&self) -> &str;

    /// Handles a client's message.
    fn handle(
        &mut self,
        text: &str,
        lifetime: &mut Lifetime,
    ) -> impl Future<Output = Result<(), CloseReason>> + Send;

    /// Whether the client may continue; checked with every ping.
    fn check(&self) -> Result<(), CloseReason>;

    /// Stops everything that produces messages.
    fn stop(&mut self);

    /// A message to write before the connection is closed for this reason.
    fn last_words(&self, reason: CloseReason) -> Option<String>;
}

/// The messages waiting for one client.
pub(super) trait Outbox: Send + Sync {
    /// Waits for the next message. Must have only one caller.
    fn next(&self) -> impl Future<Output = Outgoing> + Send;

    /// Requests a ping.
    fn ping(&self);
}

/// How long a connection lives, and whose it is.
pub(super) struct Lifetime {
    timers: Timers,
    permit: ConnectionPermit,
    /// Notified when the connection must close for a newer one of the same user.
    evicted: Option<oneshot::Receiver<CloseReason>>,
}

impl Lifetime {
    pub(super) fn new(state: &ServerState, permit: ConnectionPermit) -> Self {
        Self {
            timers: Timers::new(&state.config.websocket, Instant::now()),
            permit,
            evicted: None,
        }
    }

    /// The client is identified: the connection counts as the user's and expires with the token.
    pub(super) fn initialised(&mut self, identity: &Identity, now: Instant) {
        self.timers.initialised();
        self.timers.expire_at(identity.expires_at, now);
        if let Some(user) = &identity.caller.subject {
            self.evicted = Some(self.permit.belongs_to(user));
        }
    }
}

/// A connection, before and while it is open.
pub(super) struct Connection<P> {
    state: ServerState,
    lifetime: Lifetime,
    protocol: P,
    /// The client offered our subprotocol, or none.
    is_understood: bool,
}

impl<P: Protocol> Connection<P> {
    /// `is_understood`: the client speaks this protocol.
    pub(super) fn new(
        state: ServerState,
        lifetime: Lifetime,
        protocol: P,
        is_understood: bool,
    ) -> Self {
        Self {
            state,
            lifetime,
            protocol,
            is_understood,
        }
    }

    /// Serves the connection to its end. There are many of these futures, so they are kept small, here by splitting the
    /// socket and boxing `self`.
    pub(super) async fn run(mut self: Box<Self>, mut sink: Outbound, mut stream: Inbound) {
        let opened = Instant::now();
        let reason = self.serve(&mut sink, &mut stream).await;
        self.protocol.stop();
        Box::pin(self.close(reason, &mut sink, &mut stream)).await;
        metrics::counter!("router_websocket_closes_total", "reason" => reason.name()).increment(1);
        metrics::histogram!("router_websocket_open_seconds").record(opened.elapsed().as_secs_f64());
        tracing::info!(
            reason = reason.name(),
            code = reason.code(),
            open_seconds = opened.elapsed().as_secs(),
            "connection closed"
        );
    }

    /// The tracing span of the connection.
    pub(super) fn span(&self) -> Span {
        // At the highest level, so that lines of every level carry the id.
        tracing::error_span!("websocket", request_id = %self.protocol.request_id())
    }

    async fn serve(&mut self, sink: &mut Outbound, stream: &mut Inbound) -> CloseReason {
        if !self.is_understood {
            return CloseReason::UnknownSubprotocol;
        }
        let connections = self.state.connections.clone();
        let outbox = self.protocol.outbox();
        let mut writing = pin!(write(&*outbox, sink));
        let mut draining = pin!(connections.draining());
        let mut drains = false;
        let mut timer = pin!(sleep_until(self.lifetime.timers.next()));
        loop {
            let verdict = tokio::select! {
                // Boxed, like all rare work: there are many connections, and most are idle.
                message = stream.next() => Box::pin(self.read(message)).await,
                reason = &mut writing => Err(reason),
                () = &mut timer => self.tick(&*outbox),
                () = &mut draining, if !drains => {
                    drains = true;
                    self.drain();
                    Ok(())
                }
                reason = evicted(&mut self.lifetime.evicted) => Err(reason),
            };
            if let Err(reason) = verdict {
                return reason;
            }
            if timer.deadline() != self.lifetime.timers.next() {
                timer.as_mut().reset(self.lifetime.timers.next());
            }
        }
    }

    fn tick(&mut self, outbox: &P::Outbox) -> Result<(), CloseReason> {
        match self.lifetime.timers.due(Instant::now()) {
            Due::Nothing => Ok(()),
            Due::Ping => {
                self.protocol.check()?;
                outbox.ping();
                Ok(())
            }
            Due::Close(reason) => Err(reason),
        }
    }

    /// Picks a random moment of the window, so that clients do not all reconnect at once.
    fn drain(&mut self) {
        let window = self.state.config.websocket.drain_window.get();
        let delay = window.mul_f64(rand::rng().random_range(0.0..1.0));
        self.lifetime.timers.drain_at(Instant::now() + delay);
    }

    async fn read(
        &mut self,
        message: Option<Result<Message, axum::Error>>,
    ) -> Result<(), CloseReason> {
        match message {
            Some(Ok(Message::Text(text))) => self.protocol.handle(&text, &mut self.lifetime).await,
            Some(Ok(Message::Pong(_))) => {
                self.lifetime.timers.ponged();
                Ok(())
            }
            // The WebSocket layer answers pings itself.
            Some(Ok(Message::Ping(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(CloseReason::BadMessage),
            Some(Ok(Message::Close(_))) | None => Err(CloseReason::ClientClose),
            Some(Err(error)) => Err(transport_failure(&error)),
        }
    }

    /// Sends the reason and waits for the client's close frame: closing at once could lose the reason.
    async fn close(&mut self, reason: CloseReason, sink: &mut Outbound, stream: &mut Inbound) {
        let last_words = self.protocol.last_words(reason);
        let farewell = async {
            if let Some(code) = reason.code() {
                if let Some(words) = last_words
                    && sink.send(Message::text(words)).await.is_err()
                {
                    return;
                }
                let frame = CloseFrame {
                    code,
                    reason: Utf8Bytes::from_static(reason.message()),
                };
                if sink.send(Message::Close(Some(frame))).await.is_err() {
                    return;
                }
                while let Some(Ok(_)) = stream.next().await {}
            } else if reason == CloseReason::ClientClose {
                // Sends the reply to the client's close frame.
                let _ = sink.flush().await;
            }
        };
        let _ = timeout(self.state.config.websocket.close_timeout.get(), farewell).await;
    }
}

/// Writes pending messages until that fails or the connection must close.
async fn write<S>(outbox: &impl Outbox, sink: &mut S) -> CloseReason
where
    S: Sink<Message, Error = axum::Error> + Unpin,
{
    loop {
        let (message, until_written) = match outbox.next().await {
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
            // The sender is part of the permit, which this connection holds.
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Interprets a failed read. The error's type is from a crate that axum does not export, so its text has to do; a test
/// covers it.
fn transport_failure(error: &axum::Error) -> CloseReason {
    if error.to_string().starts_with("Space limit exceeded") {
        CloseReason::MessageTooLarge
    } else {
        CloseReason::TransportError
    }
}
