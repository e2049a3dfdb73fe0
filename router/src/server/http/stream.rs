//! Subscriptions over HTTP: a response that continues while its client reads.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use platform::caller::Caller;
use rand::RngExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::stream_format::Format;
use crate::auth::Identity;
use crate::error::{ErrorCode, GraphQLError};
use crate::prepare::OperationKind;
use crate::request::PreparedRequest;
use crate::response::GraphQLResponse;
use crate::router::Router;
use crate::server::client::Client;
use crate::server::close_reason::CloseReason;
use crate::server::connections::ConnectionPermit;
use crate::server::documents::OperationError;
use crate::server::refusal::Refusal;
use crate::server::state::ServerState;
use crate::server::unsent::Unsent;
use crate::subscribe::{Delivery, End, EventId, EventQueue, Watch, WatchOptions};

/// A subscription being written to one client.
struct Outgoing {
    format: Format,
    queue: Arc<EventQueue>,
    heartbeat: std::time::Duration,
    drain_window: std::time::Duration,
    expiry: Option<Instant>,
    drain: Option<Instant>,
    draining: CancellationToken,
    evicted: Option<oneshot::Receiver<CloseReason>>,
    state: ServerState,
    /// Kept to check whether it has been revoked.
    client: Client,
    caller: Caller,
    begun: bool,
    ended: bool,
    _lease: ConnectionPermit,
    _watch: Watch,
}

/// What to write next on a stream.
enum Next {
    Deliver(Delivery),
    Heartbeat,
    Drain,
    Close(CloseReason),
}

/// Starts watching and responds with the event stream.
pub(super) async fn open(
    state: &ServerState,
    router: &Router,
    request: PreparedRequest,
    (client, identity): (&Client, &Identity),
    format: Format,
    after: Option<EventId>,
) -> Result<Response, OperationError> {
    // A signed-in client is counted as a user below.
    let anonymous = identity.caller.subject.is_none();
    let address = request.context.caller.ip.filter(|_| anonymous);
    let admitted = state.connections.admit(address);
    let mut lease = admitted.map_err(|reason| Refusal::at_capacity(reason, "streams"))?;
    let queue = Arc::new(EventQueue::new(state.config.websocket.queued_events));
    let begin = WatchOptions {
        after,
        resumable: format == Format::EventStream,
    };
    let watch = state
        .subscriptions
        .watch(router, request, begin, queue.clone())
        .await
        .map_err(OperationError::Operation)?;
    let now = Instant::now();
    let outgoing = Outgoing {
        format,
        queue,
        heartbeat: state.config.streaming.heartbeat.get(),
        drain_window: state.config.websocket.drain_window.get(),
        expiry: identity.expires_at.and_then(|at| {
            let left = at.duration_since(SystemTime::now()).unwrap_or_default();
            now.checked_add(left)
        }),
        drain: None,
        draining: state.connections.drain_token(),
        evicted: identity
            .caller
            .subject
            .as_deref()
            .map(|user| lease.belongs_to(user)),
        state: state.clone(),
        client: client.clone(),
        caller: identity.caller.clone(),
        begun: false,
        ended: false,
        _lease: lease,
        _watch: watch,
    };
    let chunks = stream::unfold(Box::new(outgoing), |mut outgoing| async move {
        let chunk = outgoing.chunk().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), outgoing))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    headers(&mut response, format);
    Ok(response)
}

/// A query's or mutation's response, for a client that only accepts event streams; `None` if too many responses are
/// unread.
pub(super) fn answer(
    kind: OperationKind,
    answer: &GraphQLResponse,
    unsent: &Unsent,
) -> Option<Response> {
    let format = Format::EventStream;
    let mut body = format.payload(None, &answer.to_bytes()).to_vec();
    body.extend_from_slice(&format.end());
    let mut response = Response::new(unsent.body(kind, body.into())?);
    headers(&mut response, format);
    Some(response)
}

fn headers(response: &mut Response, format: Format) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, format.content_type());
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Some proxies would buffer events.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
}

impl Outgoing {
    /// The next bytes to write; `None` at the end.
    async fn chunk(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if !self.begun {
            self.begun = true;
            return Some(self.format.begin());
        }
        // Repeated for each event and each heartbeat.
        if self.client.identify(&self.state, &self.caller).is_err() {
            self.ended = true;
            return self.close_frame(CloseReason::CredentialsRevoked);
        }
        let silent_until = Instant::now() + self.heartbeat;
        loop {
            let close = match self.next(silent_until).await {
                Next::Heartbeat => return Some(self.format.heartbeat()),
                Next::Drain => {
                    // A random moment of the window, so that clients do not all reconnect at once.
                    let part = rand::rng().random_range(0.0..1.0);
                    self.drain = Some(Instant::now() + self.drain_window.mul_f64(part));
                    continue;
                }
                Next::Deliver(Delivery::Event(event)) => {
                    return Some(self.format.payload(Some(event.id), &event.payload));
                }
                Next::Deliver(Delivery::End(end)) => self.end_frame(&end),
                Next::Close(reason) => self.close_frame(reason),
            };
            self.ended = true;
            return close;
        }
    }

    async fn next(&mut self, silent_until: Instant) -> Next {
        let drained = self.drain.is_some();
        let expiry = self.expiry;
        let drain = self.drain;
        let until = async |at: Option<Instant>| match at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        };
        tokio::select! {
            biased;
            () = until(expiry) => Next::Close(CloseReason::TokenExpired),
            () = until(drain) => Next::Close(CloseReason::ServerShutdown),
            reason = evicted(&mut self.evicted) => Next::Close(reason),
            () = self.draining.cancelled(), if !drained => Next::Drain,
            delivery = self.queue.next() => Next::Deliver(delivery),
            () = sleep_until(silent_until) => Next::Heartbeat,
        }
    }

    /// The final frame when the subscription has ended.
    fn end_frame(&self, end: &End) -> Option<Bytes> {
        record(
            self.format,
            match end {
                End::Disabled(_) => CloseReason::FeatureDisabled.name(),
                _ => "complete",
            },
        );
        let error = match end {
            End::Complete => return Some(self.format.end()),
            End::Failed(errors) => GraphQLResponse::request_error(errors.to_vec()),
            End::SourceTimeout => GraphQLResponse::request_error(vec![GraphQLError::new(
                ErrorCode::DeadlineExceeded,
                CloseReason::SourceTimeout.message(),
            )]),
            End::Disabled(words) => GraphQLResponse::request_error(vec![GraphQLError::new(
                ErrorCode::FeatureDisabled,
                words.to_string(),
            )]),
        };
        let mut bytes = self.format.payload(None, &error.to_bytes()).to_vec();
        bytes.extend_from_slice(&self.format.end());
        Some(bytes.into())
    }

    /// The final frame when the edge closes the stream.
    fn close_frame(&self, reason: CloseReason) -> Option<Bytes> {
        record(self.format, reason.name());
        let code = match reason {
            CloseReason::TokenExpired | CloseReason::CredentialsRevoked => {
                ErrorCode::Unauthenticated
            }
            _ => ErrorCode::RateLimited,
        };
        let error = GraphQLError::new(code, reason.message());
        match reason {
            CloseReason::ServerShutdown => self.format.interrupt(&error),
            _ => Some(self.format.abort(&error)),
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if !self.ended {
            record(self.format, CloseReason::ClientClose.name());
        }
    }
}

async fn evicted(evicted: &mut Option<oneshot::Receiver<CloseReason>>) -> CloseReason {
    if let Some(receiver) = evicted
        && let Ok(reason) = receiver.await
    {
        return reason;
    }
    std::future::pending().await
}

fn record(format: Format, reason: &'static str) {
    metrics::counter!("router_stream_closes_total", "protocol" => format.name(), "reason" => reason)
        .increment(1);
}
