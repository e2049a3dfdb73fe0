//! The `graphql-transport-ws` protocol: identifies the client and runs its operations.

use std::sync::Arc;

use axum::http::HeaderValue;
use platform::telemetry::traces;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument;

use super::connection::{Lifetime, Protocol};
use super::operation;
use super::protocol::{self, ClientMessage};
use super::queue::Queue;
use crate::auth::{AuthError, Identity, JwtVerifier};
use crate::error::GraphQLError;
use crate::request::GraphQLRequest;
use crate::server::client::Client;
use crate::server::close_reason::CloseReason;
use crate::server::refusal::Refusal;
use crate::server::state::ServerState;
use crate::server::unsent::Unsent;

/// One client's side of the protocol.
pub(super) struct GraphQl {
    state: ServerState,
    client: Client,
    identity: Identity,
    unsent: Unsent,
    initialised: bool,
    queue: Arc<Queue>,
}

impl GraphQl {
    pub(super) fn new(
        state: ServerState,
        client: Client,
        identity: Identity,
        unsent: Unsent,
    ) -> Self {
        let config = &state.config.websocket;
        Self {
            queue: Arc::new(Queue::new(
                config.max_operations,
                config.max_running,
                config.queued_events,
            )),
            state,
            client,
            identity,
            unsent,
            initialised: false,
        }
    }

    /// Identifies the client: by the payload's token, else by the upgrade's.
    async fn initialise(
        &mut self,
        payload: &Map<String, Value>,
        lifetime: &mut Lifetime,
    ) -> Result<(), CloseReason> {
        self.initialised = true;
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
        self.client.initialise(payload, &self.state.forward_headers);
        if let Err(error) = self.client.identify(&self.state, &self.identity.caller) {
            tracing::debug!(%error, "client refused");
            return Err(CloseReason::Forbidden);
        }
        lifetime.initialised(&self.identity, Instant::now());
        if self.identity.caller.subject.is_none() {
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
        let span = tracing::info_span!(
            "graphql",
            operation_id = %id,
            trace_id = tracing::field::Empty
        );
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
            let traced = span.in_scope(|| {
                tracing::info_span!(
                    target: traces::TARGET,
                    "request",
                    otel.kind = "server",
                    otel.name = "graphql-transport-ws",
                    network.protocol.name = "websocket",
                )
            });
            if let Some(trace_id) = traces::trace_id(&traced) {
                span.record("trace_id", trace_id);
            }
            let task = tokio::spawn(running.instrument(traced).instrument(span));
            self.queue.attach(key, task.abort_handle());
        }
        Ok(())
    }
}

impl Protocol for GraphQl {
    type Outbox = Queue;

    fn outbox(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    fn request_id(&self) -> &str {
        &self.client.request_id
    }

    async fn handle(&mut self, text: &str, lifetime: &mut Lifetime) -> Result<(), CloseReason> {
        let message = protocol::parse(text).map_err(|error| {
            tracing::debug!(%error, "bad message");
            CloseReason::BadMessage
        })?;
        match message {
            ClientMessage::ConnectionInit(_) if self.initialised => Err(CloseReason::TooManyInits),
            ClientMessage::ConnectionInit(payload) => {
                // Boxed: it happens once, but would enlarge every connection.
                Box::pin(self.initialise(&payload, lifetime)).await
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

    fn check(&self) -> Result<(), CloseReason> {
        let caller = &self.identity.caller;
        if self.initialised && self.client.identify(&self.state, caller).is_err() {
            return Err(CloseReason::CredentialsRevoked);
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.queue.stop();
    }

    fn last_words(&self, _: CloseReason) -> Option<String> {
        None
    }
}

/// The identity for `connection_init`'s payload, and its token as a header value, if any. The token may have a scheme
/// or not.
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
