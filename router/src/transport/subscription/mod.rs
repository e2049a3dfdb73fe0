//! Subscriptions to a subgraph over HTTP: `graphql-transport-ws` with many operations per connection, or server-sent
//! events for subgraphs that only speak those.

mod close_reason;
mod connection;
mod connection_pool;
mod event_queue;
mod event_stream;
mod sse;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use chrono::Utc;
use futures::StreamExt;
use futures::stream;
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use url::Url;

use super::{
    EventStream, HttpTransportOptions, SubgraphError, SubgraphRequest, SubgraphResponse,
    TransportError,
};
use crate::value::check_response;
use close_reason::CloseReason;
use connection_pool::ConnectionPool;
use event_queue::{Delivery, End, EventQueue};
use sse::ServerSentEvents;

pub use tls::connector as websocket_connector;

/// How to subscribe to a subgraph.
#[derive(Clone, Debug)]
pub struct SubscriptionOptions {
    /// The URL for subscriptions, if it differs from the subgraph's own. `ws:` and `wss:` fix the protocol.
    pub url: Option<String>,
    pub protocol: SubscriptionProtocol,
    /// Maximum number of operations per connection before another is opened. Servers commonly visit all of a
    /// connection's operations for each event of one.
    pub per_connection: usize,
    /// Maximum number of events queued for a slow watcher. Beyond that it gets only the newest.
    pub queued_events: usize,
    /// How long an unused connection is kept open.
    pub idle: Duration,
    /// Ping interval. A connection that is silent for one and a half times as long is lost.
    pub ping: Duration,
}

impl Default for SubscriptionOptions {
    fn default() -> Self {
        Self {
            url: None,
            protocol: SubscriptionProtocol::default(),
            per_connection: 100,
            queued_events: 32,
            idle: Duration::from_secs(10),
            ping: Duration::from_secs(30),
        }
    }
}

/// The protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionProtocol {
    /// `graphql-transport-ws`, falling back to server-sent events.
    #[default]
    Negotiated,
    /// `graphql-transport-ws`.
    WebSocket,
    /// GraphQL over SSE, distinct connections mode: one POST per subscription. Over HTTP/2 they share a connection.
    ServerSentEvents,
}

/// Credentials that a subscription sends besides its operation.
pub(super) struct Credentials {
    /// Headers of the connection. Subscriptions with other headers use another connection.
    pub headers: HeaderMap,
    /// For our own subgraphs.
    pub signer: Option<Signer>,
}

/// Signs callers into subscriptions.
pub(super) struct Signer {
    pub key: CallerKey,
    pub subgraph: String,
    pub caller: Caller,
}

impl Signer {
    /// The router's own signature for a connection shared by many callers: without a caller or a body.
    fn connection(&self) -> Result<String, CloseReason> {
        let nobody = Caller::default();
        let signed = self.key.sign(&nobody, &self.subgraph, b"", Utc::now());
        signed.map_err(CloseReason::lost)
    }

    /// The caller's signature for this body.
    fn operation(&self, body: &[u8]) -> Result<String, CloseReason> {
        let signed = self
            .key
            .sign(&self.caller, &self.subgraph, body, Utc::now());
        signed.map_err(CloseReason::lost)
    }
}

/// The body covered by the signature in an operation's extensions: the operation without it, serialized identically at
/// both ends.
///
/// # Errors
/// An operation that cannot be serialized.
pub fn signed_operation(
    operation: &mut async_graphql::Request,
) -> Result<Vec<u8>, serde_json::Error> {
    operation.extensions.remove(CALLER_HEADER);
    serde_json::to_vec(operation)
}

/// The ways to subscribe to one subgraph.
#[derive(Debug)]
pub(super) struct Subscriptions {
    subgraph: String,
    protocol: SubscriptionProtocol,
    sockets: ConnectionPool,
    events: ServerSentEvents,
    /// Set when negotiation finds no WebSocket.
    no_sockets: AtomicBool,
}

impl Subscriptions {
    /// `url` is `http:`, `https:`, `ws:` or `wss:`.
    pub(super) fn new(
        subgraph: &str,
        url: Url,
        client: reqwest::Client,
        http: &HttpTransportOptions,
    ) -> Self {
        let (options, max_bytes) = (&http.subscriptions, http.max_response_bytes);
        let (mut socket_url, mut http_url) = (url.clone(), url);
        let (socket, plain) = match http_url.scheme() {
            "https" | "wss" => ("wss", "https"),
            _ => ("ws", "http"),
        };
        let chosen =
            socket_url.scheme() == socket && options.protocol == SubscriptionProtocol::Negotiated;
        // Switching between these schemes is always allowed.
        let _ = (socket_url.set_scheme(socket), http_url.set_scheme(plain));
        Self {
            subgraph: subgraph.to_owned(),
            protocol: if chosen {
                SubscriptionProtocol::WebSocket
            } else {
                options.protocol
            },
            sockets: ConnectionPool::new(socket_url, http),
            events: ServerSentEvents {
                client,
                url: http_url,
                queued_events: options.queued_events,
                max_bytes,
            },
            no_sockets: AtomicBool::new(false),
        }
    }

    /// Opens a subscription. `wait` bounds the time until the subgraph accepts it.
    pub(super) async fn open(
        &self,
        credentials: Credentials,
        request: SubgraphRequest,
        wait: Duration,
    ) -> Result<EventStream, TransportError> {
        let opened = tokio::time::timeout(wait, self.choose(&credentials, &request)).await;
        match opened.unwrap_or(Err(CloseReason::Late)) {
            Ok(subscription) => Ok(subscription.into_events(request, self.subgraph.clone())),
            Err(closed) => Err(closed.into_error(&self.subgraph)),
        }
    }

    async fn choose(
        &self,
        credentials: &Credentials,
        request: &SubgraphRequest,
    ) -> Result<Subscription, CloseReason> {
        let events = match self.protocol {
            SubscriptionProtocol::WebSocket => false,
            SubscriptionProtocol::ServerSentEvents => true,
            SubscriptionProtocol::Negotiated => self.no_sockets.load(Ordering::Relaxed),
        };
        if events {
            return self.events.subscribe(credentials, request).await;
        }
        match self.sockets.subscribe(credentials, request).await {
            Err(CloseReason::NoWebSocket(reason))
                if self.protocol == SubscriptionProtocol::Negotiated =>
            {
                tracing::info!(
                    subgraph = self.subgraph,
                    reason,
                    "no WebSocket, trying server-sent events"
                );
                let subscription = self.events.subscribe(credentials, request).await?;
                self.no_sockets.store(true, Ordering::Relaxed);
                Ok(subscription)
            }
            opened => opened,
        }
    }
}

/// A subscription that the subgraph has accepted. Dropping it ends it there.
struct Subscription {
    inbox: Arc<EventQueue>,
    /// Unsubscribes when dropped.
    _place: Box<dyn Send>,
}

impl Subscription {
    fn into_events(self, request: SubgraphRequest, subgraph: String) -> EventStream {
        let open = Some((self, request, subgraph));
        stream::unfold(open, |open| async move {
            let (subscription, request, subgraph) = open?;
            let (event, ended) = match subscription.inbox.next().await {
                Delivery::Event(payload) => (request.decode(&payload), false),
                Delivery::End(End::Complete) => return None,
                Delivery::End(End::Errors(errors)) => {
                    let mut response = SubgraphResponse {
                        errors: SubgraphError::list(
                            serde_json::from_slice(&errors).unwrap_or_default(),
                        ),
                        ..SubgraphResponse::default()
                    };
                    check_response(&mut response, &request.operation.shape);
                    (Ok(response), true)
                }
                Delivery::End(End::Closed(closed)) => (Err(closed.into_error(&subgraph)), true),
            };
            Some((event, (!ended).then_some((subscription, request, subgraph))))
        })
        .boxed()
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
