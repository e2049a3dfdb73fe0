//! A WebSocket that carries one subscription's events in a non-GraphQL protocol.

use std::fmt;
use std::sync::Arc;

use axum::extract::WebSocketUpgrade;
use axum::response::Response;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Lifetime, Outbox, Protocol};
use super::queue::Outgoing;
use crate::error::{ErrorCode, GraphQLError};
use crate::request::{GraphQLRequest, PreparedRequest};
use crate::response::GraphQLResponse;
use crate::server::close_reason::CloseReason;
use crate::server::refusal::Refusal;
use crate::server::sender::Sender;
use crate::server::state::ServerState;
use crate::subscribe::{Delivery, End, EventQueue, Watch, WatchOptions};

/// Such a protocol: text messages, made from GraphQL responses.
pub trait EventProtocol: fmt::Debug + Send + Sync + 'static {
    /// The upgrade's subprotocol, assumed if the client names none.
    fn subprotocol(&self) -> &'static str;

    /// Longer client messages close the connection.
    fn max_message_bytes(&self) -> usize;

    /// The first message, made from the first event.
    ///
    /// # Errors
    /// If the event means that the upgrade is rejected.
    fn acknowledge(&self, response: &[u8]) -> Result<String, GraphQLError>;

    /// The message for a further event.
    fn event(&self, response: &[u8]) -> String;

    /// The message for an error.
    fn error(&self, code: &str, message: &str) -> String;

    /// The reply to a client's message; `None` if the protocol does not know it.
    fn reply(&self, message: &str) -> Option<String>;
}

/// Why no connection was opened.
#[derive(Debug)]
pub enum WatchRefusal {
    Request(Refusal),
    /// The operation was rejected: a response without data.
    Operation(Box<GraphQLResponse>),
}

impl From<Refusal> for WatchRefusal {
    fn from(refusal: Refusal) -> Self {
        Self::Request(refusal)
    }
}

/// Subscribes, and accepts the upgrade once the first event is there, so that rejections come before it.
pub(in crate::server) async fn open(
    state: &ServerState,
    sender: Sender,
    request: GraphQLRequest,
    protocol: Arc<dyn EventProtocol>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, WatchRefusal> {
    let Sender {
        client,
        identity,
        application,
    } = &sender;
    // A signed-in client is counted as a user below.
    let anonymous = identity.caller.subject.is_none();
    let permit = state
        .connections
        .admit(client.ip.filter(|_| anonymous))
        .map_err(|reason| Refusal::at_capacity(reason, "WebSockets"))?;
    let router = state.router();
    let refused = |response: GraphQLResponse| {
        client.log.answered(&response.errors);
        WatchRefusal::Operation(Box::new(response))
    };
    let failed = |errors: Vec<GraphQLError>| refused(GraphQLResponse::request_error(errors));
    let permit_to_start = sender.admit(state).await?;
    let operation = router.prepare(&request).await;
    let operation = operation.map_err(refused)?;
    client.log.prepared(&operation);
    let (starting, since) = (Arc::clone(&operation), Instant::now());
    let prepared = PreparedRequest {
        operation,
        variables: request.variables,
        context: client.context(state, &identity.caller, application.clone()),
    };
    let config = &state.config.websocket;
    let events = Arc::new(EventQueue::new(config.queued_events));
    let watch = state
        .subscriptions
        .watch(&router, prepared, WatchOptions::default(), events.clone())
        .await
        .map_err(refused)?;
    permit_to_start.finish(&starting, since.elapsed());
    let outbox = EventOutbox::new(events, protocol.clone());
    // The source has its own start timeout, and the first event gets as long again.
    let begin = outbox.events.next();
    match timeout(2 * config.subscribe_timeout.get(), begin).await {
        Ok(Delivery::Event(event)) => {
            let acknowledged = protocol.acknowledge(&event.payload);
            let text = acknowledged.map_err(|error| failed(vec![error]))?;
            outbox.change(|state| state.reply = Some(text));
        }
        Ok(Delivery::End(End::Failed(errors))) => return Err(failed(errors.to_vec())),
        Ok(Delivery::End(End::Disabled(words))) => {
            let error = GraphQLError::new(ErrorCode::FeatureDisabled, &*words);
            return Err(failed(vec![error]));
        }
        Ok(Delivery::End(End::Complete)) => outbox.close(CloseReason::Complete),
        // Clients know how to react to the code.
        Ok(Delivery::End(End::SourceTimeout)) | Err(_) => outbox.close(CloseReason::SourceTimeout),
    }
    let mut lifetime = Lifetime::new(state, permit);
    lifetime.initialised(identity, Instant::now());
    let offers = upgrade.requested_protocols().next().is_some();
    let upgrade = upgrade.protocols([protocol.subprotocol()]);
    let is_understood = !offers || upgrade.selected_protocol().is_some();
    let max_message_bytes = protocol.max_message_bytes();
    let spoken = Events {
        state: state.clone(),
        outbox: Arc::new(outbox),
        watch: Some(watch),
        protocol,
        sender,
    };
    let connection = Connection::new(state.clone(), lifetime, spoken, is_understood);
    Ok(super::accept(
        connection,
        upgrade,
        config,
        max_message_bytes,
    ))
}

fn first(errors: &[GraphQLError]) -> GraphQLError {
    let internal = || GraphQLError::new(ErrorCode::Internal, "an internal error happened");
    errors.first().cloned().unwrap_or_else(internal)
}

/// One client's side of such a protocol.
struct Events {
    state: ServerState,
    sender: Sender,
    protocol: Arc<dyn EventProtocol>,
    outbox: Arc<EventOutbox>,
    watch: Option<Watch>,
}

impl Protocol for Events {
    type Outbox = EventOutbox;

    fn outbox(&self) -> Arc<EventOutbox> {
        Arc::clone(&self.outbox)
    }

    fn request_id(&self) -> &str {
        &self.sender.client.request_id
    }

    async fn handle(&mut self, text: &str, _: &mut Lifetime) -> Result<(), CloseReason> {
        let reply = self.protocol.reply(text).ok_or(CloseReason::BadMessage)?;
        // A client that does not read only gets the newest reply.
        self.outbox.change(|state| state.reply = Some(reply));
        Ok(())
    }

    fn check(&self) -> Result<(), CloseReason> {
        let Sender {
            client, identity, ..
        } = &self.sender;
        let known = client.identify(&self.state, &identity.caller);
        known.map(drop).map_err(|_| CloseReason::CredentialsRevoked)
    }

    fn stop(&mut self) {
        self.watch = None;
    }

    fn last_words(&self, reason: CloseReason) -> Option<String> {
        let code = match reason {
            CloseReason::BadMessage | CloseReason::MessageTooLarge => ErrorCode::BadUserInput,
            CloseReason::SourceTimeout => ErrorCode::SubgraphUnavailable,
            // The code, or an earlier message, already tells the client.
            _ => return None,
        };
        Some(self.protocol.error(code.as_str(), reason.message()))
    }
}

/// The messages waiting for one client. Events are bounded as for all watchers.
struct EventOutbox {
    events: Arc<EventQueue>,
    protocol: Arc<dyn EventProtocol>,
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Default)]
struct State {
    /// The acknowledgement, or a reply.
    reply: Option<String>,
    ping: bool,
    close: Option<CloseReason>,
}

impl EventOutbox {
    fn new(events: Arc<EventQueue>, protocol: Arc<dyn EventProtocol>) -> Self {
        Self {
            events,
            protocol,
            state: Mutex::default(),
            ready: Notify::new(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.ready.notify_one();
    }

    fn close(&self, reason: CloseReason) {
        self.change(|state| state.close = Some(reason));
    }

    fn next_ready(&self) -> Option<Outgoing> {
        let mut state = self.state.lock();
        if let Some(reason) = state.close.take() {
            return Some(Outgoing::Close(reason));
        }
        if std::mem::take(&mut state.ping) {
            return Some(Outgoing::Ping);
        }
        state.reply.take().map(text)
    }

    fn deliver(&self, delivery: Delivery) -> Outgoing {
        let (reason, error) = match delivery {
            Delivery::Event(event) => return text(self.protocol.event(&event.payload)),
            Delivery::End(End::Complete) => return Outgoing::Close(CloseReason::Complete),
            Delivery::End(End::SourceTimeout) => {
                return Outgoing::Close(CloseReason::SourceTimeout);
            }
            Delivery::End(End::Failed(errors)) => (CloseReason::SourceFailed, first(&errors)),
            Delivery::End(End::Disabled(words)) => {
                let error = GraphQLError::new(ErrorCode::FeatureDisabled, &*words);
                (CloseReason::FeatureDisabled, error)
            }
        };
        self.close(reason);
        text(self.protocol.error(error.code().as_str(), &error.message))
    }
}

impl Outbox for EventOutbox {
    async fn next(&self) -> Outgoing {
        loop {
            if let Some(outgoing) = self.next_ready() {
                return outgoing;
            }
            tokio::select! {
                () = self.ready.notified() => {}
                delivery = self.events.next() => return self.deliver(delivery),
            }
        }
    }

    fn ping(&self) {
        self.change(|state| state.ping = true);
    }
}

fn text(message: String) -> Outgoing {
    Outgoing::Text(message.into_bytes(), None)
}
