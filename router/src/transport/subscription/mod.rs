//! Subscriptions to a subgraph behind HTTP: `graphql-transport-ws` with many operations on a connection, or
//! server-sent events for subgraphs that speak only those.

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

/// How a subgraph is subscribed to.
#[derive(Clone, Debug)]
pub struct SubscriptionOptions {
    /// Where subscriptions go, when it is not the subgraph's own URL. `ws:` and `wss:` leave no choice of the
    /// protocol.
    pub url: Option<String>,
    pub protocol: SubscriptionProtocol,
    /// How many operations share a connection before another is opened. Servers commonly look at all of a
    /// connection's operations for each event of one.
    pub per_connection: usize,
    /// How many events wait for a watcher that is slow. One that is further behind gets the newest only.
    pub queued_events: usize,
    /// How long a connection is kept when nobody subscribes to anything on it.
    pub idle: Duration,
    /// How often a connection is tried. One that is silent for half as long again is lost.
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

/// What is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionProtocol {
    /// `graphql-transport-ws`; where there is no WebSocket, server-sent events.
    #[default]
    Negotiated,
    /// `graphql-transport-ws`.
    WebSocket,
    /// GraphQL over SSE, distinct connections mode: a POST for each subscription. Over HTTP/2 they share a
    /// connection.
    ServerSentEvents,
}

/// What a subscription sends besides its operation.
pub(super) struct Credentials {
    /// For the connection. Subscriptions with other headers have another one.
    pub headers: HeaderMap,
    /// Of our own subgraphs.
    pub signer: Option<Signer>,
}

/// Signs whom a subscription is for.
pub(super) struct Signer {
    pub key: CallerKey,
    pub subgraph: String,
    pub caller: Caller,
}

impl Signer {
    /// The router's own signature for a connection that many callers share: nobody's, and without a body.
    fn connection(&self) -> Result<String, CloseReason> {
        let nobody = Caller::default();
        let signed = self.key.sign(&nobody, &self.subgraph, b"", Utc::now());
        signed.map_err(CloseReason::lost)
    }

    /// The caller's, for this body.
    fn operation(&self, body: &[u8]) -> Result<String, CloseReason> {
        let signed = self
            .key
            .sign(&self.caller, &self.subgraph, body, Utc::now());
        signed.map_err(CloseReason::lost)
    }
}

/// The body that the signature in an operation's extensions is for: the operation without it, as both ends write it.
///
/// # Errors
/// An operation that JSON cannot say.
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
    /// Found out by negotiation.
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
        // Changing between these schemes is always allowed.
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
                    "it has no WebSocket: trying server-sent events"
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
    /// Leaves when it is dropped.
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
