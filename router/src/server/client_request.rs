//! Requests to non-GraphQL routes of this process that run an operation: authentication, limits and logging are the
//! same as at the endpoint.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::WebSocketUpgrade;
use axum::http::{HeaderMap, request};
use axum::response::Response;
use bytes::Bytes;
use parking_lot::Mutex;
use platform::rate_limit::Decision;
use platform::telemetry::access_log::OperationDetails;
use serde_json::Value;

use super::body;
use super::client::{Client, authorization};
use super::execution::execute;
use super::http::respond;
use super::refusal::Refusal;
use super::sender::Sender;
use super::state::ServerState;
use super::unsent::Unsent;
use super::ws::{self, EventProtocol, WatchRefusal};
use crate::error::ErrorCode;
use crate::prepare::OperationKind;
use crate::request::{GraphQLRequest, PreparedRequest};
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
        let client = Client::new(parts, state.config.trusted_proxies, &state.forward_headers);
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
    /// If too many responses are waiting to be read.
    pub async fn run(&self, request: GraphQLRequest) -> Result<GraphQLResponse, Refusal> {
        let Sender {
            client,
            identity,
            application,
        } = &self.sender;
        let router = self.state.router();
        let operation = match router.prepare(&request).await {
            Ok(operation) => operation,
            Err(refused) => {
                client.log.answered(&refused.errors);
                return Ok(refused);
            }
        };
        client.log.prepared(&operation);
        if !self.unsent.has_room() {
            return Err(Refusal::unread());
        }
        let prepared = PreparedRequest {
            operation,
            variables: request.variables,
            context: client.context(&self.state, &identity.caller, application.clone()),
        };
        let response = execute(&router, prepared).await?;
        *self.rate.lock() = response.rate;
        client.log.answered(&response.errors);
        Ok(response)
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

    /// Counts the operation and returns the access log's details, to be added as a response extension.
    pub fn finish(&self) -> OperationDetails {
        self.sender.client.log.finish(&self.state.known_pairs)
    }
}
