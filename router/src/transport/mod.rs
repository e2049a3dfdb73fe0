//! How fetches reach subgraphs. The executor only knows [`Transport`]; nothing else can tell whether a subgraph is in
//! process or behind HTTP.

mod answer;
mod circuit_breaker;
mod http;
mod local;
mod subscription;
mod unreachable;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::ValidationMode;
use async_graphql::indexmap::IndexMap;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde_json::Map;

pub use http::{HttpTransport, HttpTransportOptions};

pub use local::{LocalService, LocalSubscription, LocalTransport};
pub use subscription::{
    SubscriptionOptions, SubscriptionProtocol, signed_operation, websocket_connector,
};
pub(crate) use unreachable::Unreachable;

use crate::cache_control::CachePolicy;
use crate::error::PathSegment;
use crate::execute::Budget;
use crate::prepare::plan::{FetchOperation, Inputs};
use crate::prepare::{Exceeded, OperationKind, Variables};
use crate::request::RequestContext;
use crate::supergraph::TypeNames;
use crate::value::number;
use crate::value::{
    Symbols, Value, check_response, decode_response, from_local, to_local, write_json, write_string,
};

/// A fetch of a plan, ready to send.
#[derive(Clone, Debug)]
pub struct SubgraphRequest {
    pub(crate) operation: Arc<FetchOperation>,
    /// The client's coerced variables; the fetch uses some of them.
    pub(crate) variables: Arc<Variables>,
    /// The values of the operation's own variables.
    pub(crate) inputs: Arc<Inputs>,
    pub(crate) symbols: Arc<Symbols>,
    pub(crate) types: Arc<TypeNames>,
    pub context: Arc<RequestContext>,
    /// Responses that a subgraph began before then are too old.
    pub started: Instant,
    /// When the router stops waiting.
    pub deadline: Instant,
    /// What remains of the request's limits.
    pub(crate) budget: Arc<Budget>,
}

/// The numbers a subgraph supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// JSON's and GraphQL's numbers, of any length.
    OfAnyLength,
    /// async-graphql's 64-bit numbers, for our own subgraphs: longer ones are sent as strings, in process and over HTTP
    /// alike.
    Of64Bits,
}

impl Numbers {
    /// Subgraphs that get a signed caller are our own.
    fn of(signed: bool) -> Self {
        if signed {
            Self::Of64Bits
        } else {
            Self::OfAnyLength
        }
    }
}

/// A subgraph's response.
#[derive(Clone, Debug, Default)]
pub struct SubgraphResponse {
    pub(crate) data: Value,
    pub(crate) errors: Vec<SubgraphError>,
    /// The subgraph's cache policy.
    pub(crate) cache: Option<CachePolicy>,
    /// How long the subgraph allows to use it after its time, while it is fetched anew; `None` if it does not say.
    pub(crate) stale_for: Option<Duration>,
}

/// An error in a subgraph's response, as sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubgraphError {
    pub(crate) message: String,
    pub(crate) path: Vec<PathSegment>,
    pub(crate) extensions: Map<String, serde_json::Value>,
}

impl SubgraphError {
    /// The router's error about a response that violates the specification.
    pub(crate) fn about_response(message: impl Into<String>, path: Vec<PathSegment>) -> Self {
        let code = serde_json::Value::from("INTERNAL_SERVER_ERROR");
        Self {
            message: message.into(),
            path,
            extensions: Map::from_iter([("code".to_owned(), code)]),
        }
    }

    /// Parses a response's `errors`. Malformed parts are dropped, so that a malformed error is still reported and costs
    /// no data.
    pub(crate) fn list(errors: serde_json::Value) -> Vec<Self> {
        match errors {
            serde_json::Value::Null => Vec::new(),
            serde_json::Value::Array(errors) => errors.into_iter().map(Self::of).collect(),
            _ => vec![Self::about_response("`errors` is not a list", Vec::new())],
        }
    }

    fn of(error: serde_json::Value) -> Self {
        let serde_json::Value::Object(mut error) = error else {
            return Self::about_response(
                format!("an error that is not an object: {error}"),
                Vec::new(),
            );
        };
        let message = match error.remove("message") {
            Some(serde_json::Value::String(message)) => message,
            _ => "an error without a message".to_owned(),
        };
        let path = match error.remove("path") {
            Some(serde_json::Value::Array(path)) => {
                // Up to the first invalid segment; the error still concerns something there.
                path.iter().map_while(path_segment).collect()
            }
            _ => Vec::new(),
        };
        let extensions = match error.remove("extensions") {
            Some(serde_json::Value::Object(extensions)) => extensions,
            _ => Map::new(),
        };
        Self {
            message,
            path,
            extensions,
        }
    }
}

fn path_segment(segment: &serde_json::Value) -> Option<PathSegment> {
    match segment {
        serde_json::Value::String(key) => Some(PathSegment::Key(key.clone())),
        serde_json::Value::Number(index) => {
            let index = usize::try_from(index.as_u64()?).ok()?;
            Some(PathSegment::Index(index))
        }
        _ => None,
    }
}

impl SubgraphRequest {
    pub fn kind(&self) -> OperationKind {
        self.operation.kind
    }

    /// The document as sent.
    pub fn query(&self) -> &str {
        &self.operation.text
    }

    /// The time left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The body of a POST, or the payload of a `subscribe` message.
    pub fn to_json(&self) -> Vec<u8> {
        self.to_json_for(Numbers::OfAnyLength)
    }

    fn to_json_for(&self, numbers: Numbers) -> Vec<u8> {
        let operation = &*self.operation;
        let entities = self.inputs.entities();
        let mut out = Vec::with_capacity(operation.json.len() + 64 + 64 * entities);
        out.extend_from_slice(b"{\"query\":");
        match (&operation.short, numbers) {
            (Some(short), Numbers::Of64Bits) => write_string(short.as_bytes(), &mut out),
            _ => out.extend_from_slice(&operation.json),
        }
        let mut first = true;
        let mut key = |name: &str, out: &mut Vec<u8>| {
            out.extend_from_slice(if first { b",\"variables\":{" } else { b"," });
            first = false;
            write_string(name.as_bytes(), out);
            out.push(b':');
        };
        let Inputs {
            representations,
            context,
        } = &*self.inputs;
        for (name, list) in operation.representations.iter().zip(representations) {
            key(name, &mut out);
            out.push(b'[');
            for (index, representation) in list.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_json(representation, &self.symbols, &self.types, &mut out);
            }
            out.push(b']');
        }
        for (name, value) in operation.context.iter().zip(context) {
            key(name, &mut out);
            write_json(value, &self.symbols, &self.types, &mut out);
        }
        for (name, value) in self.used_variables() {
            key(name, &mut out);
            number::write(value, numbers == Numbers::Of64Bits, &mut out);
        }
        out.extend_from_slice(if first { b"}" } else { b"}}" });
        out
    }

    /// The request for an in-process async-graphql schema.
    pub fn to_local(&self) -> async_graphql::Request {
        let operation = &*self.operation;
        let request = match operation.parsed() {
            Some(document) => {
                let mut request = async_graphql::Request::new("");
                request.set_parsed_query(document.clone());
                request
            }
            None => async_graphql::Request::new(operation.short()),
        };
        let mut variables = IndexMap::new();
        let Inputs {
            representations,
            context,
        } = &*self.inputs;
        for (name, list) in operation.representations.iter().zip(representations) {
            let list = list
                .iter()
                .map(|representation| to_local(representation, &self.symbols, &self.types));
            variables.insert(
                async_graphql::Name::new(name),
                async_graphql::Value::List(list.collect()),
            );
        }
        for (name, value) in operation.context.iter().zip(context) {
            let value = to_local(value, &self.symbols, &self.types);
            variables.insert(async_graphql::Name::new(name), value);
        }
        for (name, value) in self.used_variables() {
            variables.insert(async_graphql::Name::new(name), number::to_local(value));
        }
        let variables = async_graphql::Value::Object(variables);
        let mut request = request.variables(async_graphql::Variables::from_value(variables));
        if operation.is_valid() {
            request.validation_mode = Some(ValidationMode::Fast);
        }
        request
    }

    fn used_variables(&self) -> impl Iterator<Item = (&str, &serde_json::Value)> {
        self.operation
            .variables
            .iter()
            .filter_map(|name| Some((name.as_str(), self.variables.get(name)?)))
    }

    /// Decodes a JSON response to this request.
    pub fn decode(&self, body: &Bytes) -> Result<SubgraphResponse, TransportError> {
        let shape = &self.operation.shape;
        let mut response = decode_response(body, shape, &self.types).map_err(|malformed| {
            TransportError::Malformed {
                subgraph: self.operation.subgraph.to_string(),
                reason: malformed.to_string(),
            }
        })?;
        check_response(&mut response, shape);
        Ok(response)
    }

    /// Converts an async-graphql response to this request.
    pub fn decode_local(&self, response: async_graphql::Response) -> SubgraphResponse {
        if response.errors.is_empty() {
            self.operation.executed();
        }
        let mut decoded = SubgraphResponse {
            data: from_local(response.data, Some(&self.operation.shape), &self.types),
            errors: response.errors.into_iter().map(local_error).collect(),
            cache: u32::try_from(response.cache_control.max_age)
                .ok()
                .filter(|max_age| *max_age > 0)
                .map(|max_age| CachePolicy::new(max_age, response.cache_control.public)),
            stale_for: None,
        };
        check_response(&mut decoded, &self.operation.shape);
        decoded
    }
}

/// Adds a member in `extensions`, which must not exist yet, to a JSON request.
fn with_extension(mut request: Vec<u8>, extension: &str, value: &str) -> Vec<u8> {
    // The last brace closes the whole object.
    request.pop();
    request.extend_from_slice(b",\"extensions\":{");
    write_string(extension.as_bytes(), &mut request);
    request.push(b':');
    write_string(value.as_bytes(), &mut request);
    request.extend_from_slice(b"}}");
    request
}

fn local_error(error: async_graphql::ServerError) -> SubgraphError {
    let extensions = error
        .extensions
        .and_then(|extensions| serde_json::to_value(extensions).ok());
    SubgraphError {
        message: error.message,
        path: error
            .path
            .into_iter()
            .map(|segment| match segment {
                async_graphql::PathSegment::Field(name) => PathSegment::Key(name),
                async_graphql::PathSegment::Index(index) => PathSegment::Index(index),
            })
            .collect(),
        extensions: match extensions {
            Some(serde_json::Value::Object(extensions)) => extensions,
            _ => Map::new(),
        },
    }
}

/// Why a fetch returned no response at all.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    #[error("subgraph `{subgraph}` is unavailable: {reason}")]
    Unavailable { subgraph: String, reason: String },
    /// It is reachable but refuses; retrying gives the same result.
    #[error("subgraph `{subgraph}` refused the request: {reason}")]
    Refused { subgraph: String, reason: String },
    #[error("subgraph `{subgraph}` did not answer in time")]
    Deadline { subgraph: String },
    #[error("subgraph `{subgraph}` returned an invalid GraphQL response: {reason}")]
    Malformed { subgraph: String, reason: String },
    #[error("subgraph `{subgraph}` returned more than {limit} bytes")]
    TooLarge { subgraph: String, limit: usize },
    #[error("the subgraphs' responses exceed the limit `{limit}` of {allowed}")]
    OverLimit { limit: &'static str, allowed: usize },
}

impl TransportError {
    /// The kind of failure, for traces; `None` if the request asked for too much.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable { .. } => Some("unavailable"),
            Self::Refused { .. } => Some("refused"),
            Self::Deadline { .. } => Some("timeout"),
            Self::Malformed { .. } => Some("malformed"),
            Self::TooLarge { .. } => Some("too_large"),
            Self::OverLimit { .. } => None,
        }
    }
}

impl From<Exceeded> for TransportError {
    fn from(Exceeded { limit, allowed }: Exceeded) -> Self {
        Self::OverLimit { limit, allowed }
    }
}

/// The connection to one subgraph.
#[async_trait]
pub trait Transport: Send + Sync + Debug {
    /// Sends a query or a mutation.
    async fn fetch(&self, request: SubgraphRequest) -> Result<SubgraphResponse, TransportError>;

    /// Opens a subscription; the stream ends with the source.
    async fn subscribe(&self, request: SubgraphRequest) -> Result<EventStream, TransportError>;

    /// The URL that composition writes into the supergraph; `None` for an in-process subgraph.
    fn url(&self) -> Option<&str> {
        None
    }

    /// Whether the subgraph learns who the caller is, other than from forwarded headers.
    fn sees_caller(&self) -> bool {
        true
    }

    /// Whether the subgraph has failed so often that it is not called at the moment.
    fn is_unavailable(&self) -> bool {
        false
    }
}

/// The events of a subscription to a subgraph.
pub type EventStream = BoxStream<'static, Result<SubgraphResponse, TransportError>>;
