//! Requests to non-GraphQL routes of this process that run an operation: authentication, limits and logging are the
//! same as at the endpoint.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::WebSocketUpgrade;
use axum::http::{HeaderMap, request};
use axum::response::Response;
use bytes::Bytes;
use parking_lot::Mutex;
use platform::caller::Caller;
use platform::rate_limit::Decision;
use platform::telemetry::access_log::OperationDetails;
use serde_json::{Map, Value};

use super::body;
use super::client::{Client, authorization};
use super::documents::{self, OperationError};
use super::execution::execute;
use super::http::respond;
use super::refusal::Refusal;
use super::sender::Sender;
use super::state::ServerState;
use super::unsent::Unsent;
use super::ws::{self, EventProtocol, WatchRefusal};
use crate::Router;
use crate::clients::{RegisteredOperation, SHA256_PREFIX};
use crate::error::ErrorCode;
use crate::prepare::{OperationKind, PreparedOperation};
use crate::request::{GraphQLRequest, PreparedRequest, RequestContext};
use crate::response::GraphQLResponse;

/// A request whose sender has been verified.
#[derive(Debug)]
pub struct ClientRequest {
    state: ServerState,
    sender: Sender,
    unsent: Unsent,
    /// The state of the tightest bucket after the last operation.
    rate: Mutex<Option<Decision>>,
}

impl ClientRequest {
    /// Verifies a request's sender.
    ///
    /// # Errors
    /// If the credentials are rejected: the refusal, and the access log's details.
    pub async fn identify(
        state: &ServerState,
        parts: &request::Parts,
    ) -> Result<Self, (Refusal, OperationDetails)> {
        Self::verify(state, client(state, parts), parts).await
    }

    /// Verifies a request's sender, which is this registered client unless it shows that it is another.
    ///
    /// # Errors
    /// If the credentials are rejected: the refusal, and the access log's details.
    pub async fn identify_or(
        state: &ServerState,
        parts: &request::Parts,
        default: &str,
    ) -> Result<Self, (Refusal, OperationDetails)> {
        Self::verify(state, client(state, parts).or_client(default), parts).await
    }

    async fn verify(
        state: &ServerState,
        client: Client,
        parts: &request::Parts,
    ) -> Result<Self, (Refusal, OperationDetails)> {
        let log = client.log.clone();
        let identified = Sender::identify(state, client, &parts.headers).await;
        let sender = identified.map_err(|refusal| {
            log.refused(refusal.code());
            (refusal, log.finish(&state.known_pairs))
        })?;
        Ok(Self {
            state: state.clone(),
            sender,
            unsent: state.unsent.of_request(&parts.extensions),
            rate: Mutex::default(),
        })
    }

    /// The customer's public id; `None` for a visitor who has not signed in.
    pub fn subject(&self) -> Option<&str> {
        self.sender.identity.caller.subject.as_deref()
    }

    /// The registered client's name.
    pub fn client(&self) -> Option<&str> {
        let client = self.sender.application.client.as_ref();
        client.map(|client| client.name.as_str())
    }

    /// The caller of its operations.
    pub fn caller(&self) -> Caller {
        self.sender
            .application
            .restrict(&self.sender.identity.caller)
    }

    /// A claim of the token in these headers, which must be the request's; `None` without a token or the claim.
    ///
    /// # Errors
    /// If the token has expired in the meantime.
    pub async fn claim(&self, headers: &HeaderMap, name: &str) -> Result<Option<Value>, Refusal> {
        Ok(self.state.auth.claim(authorization(headers)?, name).await?)
    }

    /// Reads the whole body, if it has at most `limit` bytes and arrives in time.
    ///
    /// # Errors
    /// If it does not.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
    ) -> Result<Bytes, Refusal> {
        body::read(headers, body, limit, self.state.config.body_timeout.get()).await
    }

    /// Runs a query or mutation for the sender, regardless of which documents the client may send.
    ///
    /// # Errors
    /// If too many responses are waiting to be read, or too many operations to run.
    pub async fn run(&self, request: GraphQLRequest) -> Result<GraphQLResponse, Refusal> {
        let router = self.state.router();
        match router.prepare(&request).await {
            Ok(operation) => {
                self.execute(&router, operation, request, self.context())
                    .await
            }
            Err(refused) => Ok(self.refuse(refused)),
        }
    }

    /// Runs one of the client's registered operations, as if the client had sent its id.
    ///
    /// # Errors
    /// If too many responses are waiting to be read, or too many operations to run.
    pub async fn run_registered(
        &self,
        operation: &RegisteredOperation,
        variables: Map<String, Value>,
    ) -> Result<GraphQLResponse, Refusal> {
        let router = self.state.router();
        let context = self.context();
        let mut request = GraphQLRequest {
            document_id: Some(format!("{SHA256_PREFIX}{}", operation.hash)),
            variables,
            ..GraphQLRequest::default()
        };
        let log = &self.sender.client.log;
        let prepared = documents::prepare(&self.state, &router, &mut request, &context, log);
        match prepared.await {
            Ok(prepared) => {
                let operation = prepared.operation;
                self.execute(&router, operation, request, context).await
            }
            Err(OperationError::Operation(refused)) => Ok(self.refuse(refused)),
            Err(OperationError::Request(refusal)) => Err(refusal),
        }
    }

    fn context(&self) -> RequestContext {
        let Sender {
            client,
            identity,
            application,
        } = &self.sender;
        client.context(&self.state, &identity.caller, application.clone())
    }

    async fn execute(
        &self,
        router: &Router,
        operation: Arc<PreparedOperation>,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> Result<GraphQLResponse, Refusal> {
        let log = &self.sender.client.log;
        log.prepared(&operation);
        if !self.unsent.has_room() {
            return Err(Refusal::unread());
        }
        let prepared = PreparedRequest {
            operation,
            variables: request.variables,
            context,
        };
        let permit = self.sender.admit(&self.state).await?;
        let response = execute(router, prepared, permit).await?;
        *self.rate.lock() = response.rate;
        log.answered(&response.errors);
        Ok(response)
    }

    /// Notes why an operation is not run.
    fn refuse(&self, refused: GraphQLResponse) -> GraphQLResponse {
        *self.rate.lock() = refused.rate;
        self.sender.client.log.answered(&refused.errors);
        refused
    }

    /// Upgrades to a WebSocket that carries a subscription's events in the given protocol.
    ///
    /// # Errors
    /// If there is no capacity, or the sender may not subscribe.
    pub async fn watch(
        &self,
        request: GraphQLRequest,
        protocol: Arc<dyn EventProtocol>,
        upgrade: WebSocketUpgrade,
    ) -> Result<Response, WatchRefusal> {
        let sender = self.sender.clone();
        let opened = ws::open_events(&self.state, sender, request, protocol, upgrade).await;
        if let Err(WatchRefusal::Operation(response)) = &opened {
            *self.rate.lock() = response.rate;
        }
        opened
    }

    /// Sets the response's rate limit headers: what remains of the tightest bucket, and the wait if the request was rejected
    /// because of it.
    pub fn set_rate(&self, headers: &mut HeaderMap) {
        respond::set_rate(headers, *self.rate.lock());
    }

    /// The response body, counted until the client has read it.
    ///
    /// # Errors
    /// If too many responses are waiting to be read.
    pub fn body(&self, kind: OperationKind, answer: Bytes) -> Result<Body, Refusal> {
        self.unsent.body(kind, answer).ok_or_else(Refusal::unread)
    }

    /// Records a refusal for a reason other than the operation's errors.
    pub fn refused(&self, code: ErrorCode) {
        self.sender.client.log.refused(code);
    }

    /// The access log's details of a request that ran no operation, to be added as a response extension.
    pub fn details(&self) -> OperationDetails {
        self.sender.client.log.details()
    }

    /// Counts the operation and returns the access log's details, to be added as a response extension.
    pub fn finish(&self) -> OperationDetails {
        self.sender.client.log.finish(&self.state.known_pairs)
    }
}

fn client(state: &ServerState, parts: &request::Parts) -> Client {
    Client::new(parts, state.config.trusted_proxies, &state.forward_headers)
}
