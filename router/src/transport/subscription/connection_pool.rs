//! The WebSockets to one subgraph: operations with the same headers share one, up to a limit.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use parking_lot::Mutex;
use platform::caller::CALLER_HEADER;
use tokio_tungstenite::Connector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use url::Url;

use super::close_reason::CloseReason;
use super::connection::{Connection, Operation};
use super::{Credentials, Subscription, signed_operation, tls};
use crate::transport::{HttpTransportOptions, Numbers, SubgraphRequest, with_extension};

/// Sorted header names and values.
type Key = Vec<(HeaderName, HeaderValue)>;

/// The connections to a subgraph.
pub(super) struct ConnectionPool {
    url: Url,
    /// Created with the first connection to a `wss:` URL.
    tls: OnceLock<Connector>,
    options: HttpTransportOptions,
    connections: Mutex<HashMap<Key, Vec<Arc<Connection>>>>,
}

impl ConnectionPool {
    pub(super) fn new(url: Url, options: &HttpTransportOptions) -> Self {
        Self {
            url,
            tls: OnceLock::new(),
            options: options.clone(),
            connections: Mutex::default(),
        }
    }

    pub(super) async fn subscribe(
        &self,
        credentials: &Credentials,
        request: &SubgraphRequest,
    ) -> Result<Subscription, CloseReason> {
        let payload = match &credentials.signer {
            Some(signer) => {
                let plain = request.to_json_for(Numbers::Of64Bits);
                let mut operation = serde_json::from_slice(&plain).map_err(CloseReason::lost)?;
                let body = signed_operation(&mut operation).map_err(CloseReason::lost)?;
                let signed = signer.operation(&body)?;
                with_extension(plain, CALLER_HEADER, &signed)
            }
            None => request.to_json(),
        };
        let payload = String::from_utf8(payload).map_err(CloseReason::lost)?;
        let operation = self.begin(credentials, &payload)?;
        operation.accepted().await?;
        Ok(Subscription {
            inbox: operation.inbox(),
            _place: Box::new(operation),
        })
    }

    /// Starts an operation on a connection with room, or on a new one.
    fn begin(&self, credentials: &Credentials, payload: &str) -> Result<Operation, CloseReason> {
        let key = key(&credentials.headers);
        let mut connections = self.connections.lock();
        let known = connections.get(&key).into_iter().flatten();
        for connection in known {
            if let Some(operation) = connection.begin(payload) {
                return Ok(operation);
            }
        }
        // Closed connections are removed whenever a new one is opened, so there are never many.
        connections.retain(|_, list| {
            list.retain(|connection| connection.is_open());
            !list.is_empty()
        });
        let upgrade = self.upgrade(credentials)?;
        let connection = Connection::open(upgrade, self.tls()?, &self.options);
        let operation = connection.begin(payload);
        connections.entry(key).or_default().push(connection);
        operation.ok_or_else(|| CloseReason::Lost("it closed at once".to_owned()))
    }

    /// `None` for a `ws:` URL.
    fn tls(&self) -> Result<Option<Connector>, CloseReason> {
        if self.url.scheme() != "wss" {
            return Ok(None);
        }
        if let Some(connector) = self.tls.get() {
            return Ok(Some(connector.clone()));
        }
        let connector = tls::connector().map_err(CloseReason::lost)?;
        Ok(Some(self.tls.get_or_init(|| connector).clone()))
    }

    fn upgrade(&self, credentials: &Credentials) -> Result<Request, CloseReason> {
        let mut upgrade = self
            .url
            .as_str()
            .into_client_request()
            .map_err(|error| CloseReason::on_connect(&error))?;
        let headers = upgrade.headers_mut();
        headers.extend(credentials.headers.clone());
        if let Some(signer) = &credentials.signer {
            let value = HeaderValue::from_str(&signer.connection()?).map_err(CloseReason::lost)?;
            headers.insert(HeaderName::from_static(CALLER_HEADER), value);
        }
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        Ok(upgrade)
    }
}

impl fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionPool")
            .field("url", &self.url.as_str())
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

fn key(headers: &HeaderMap) -> Key {
    let mut key: Key = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    key.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    key
}
