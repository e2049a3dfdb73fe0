//! Queries to another domain's subgraph on the caller's behalf, in process or over HTTP. The calling domain provides
//! the document and the types.

use std::sync::OnceLock;
use std::time::Duration;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request, Response, ServerError, Value, Variables};
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use platform::clock::Clock;
use platform::http::{Breaker, HttpClient, HttpError, Policy, Request as HttpRequest};
use platform::telemetry::request_id::{REQUEST_ID_NAME, header_value};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::subgraph::Subgraph;

/// A reusable document, parsed once.
pub struct Document {
    text: &'static str,
    parsed: OnceLock<Option<ExecutableDocument>>,
}

impl Document {
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            parsed: OnceLock::new(),
        }
    }

    /// A request for an in-process schema, which rejects a document that does not parse.
    fn request(&self) -> Request {
        let mut request = Request::new(self.text);
        let parsed = self.parsed.get_or_init(|| parse_query(self.text).ok());
        if let Some(document) = parsed {
            request.set_parsed_query(document.clone());
        }
        request
    }
}

/// A client for another domain's subgraph. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SubgraphClient(Transport);

#[derive(Clone, Debug)]
enum Transport {
    Local(Subgraph),
    Http {
        http: HttpClient,
        name: &'static str,
        key: CallerKey,
        clock: Clock,
    },
}

/// Why another domain could not be queried.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the subgraph's URL is not usable: {0}")]
    Url(#[from] url::ParseError),
    #[error(transparent)]
    Client(#[from] platform::http::ClientError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the caller could not be signed: {0}")]
    Caller(#[from] platform::caller::CallerError),
    #[error("the response has errors: {0}")]
    Refused(String),
    #[error("the response has an unexpected shape: {0}")]
    Shape(#[from] async_graphql::DeserializerError),
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        tracing::warn!(%error, "subgraph query failed");
        Self::unavailable("A part of the graph that this needs is not available at the moment")
    }
}

impl SubgraphClient {
    /// A client for an in-process subgraph.
    pub fn local(subgraph: Subgraph) -> Self {
        Self(Transport::Local(subgraph))
    }

    /// A client for the subgraph of this name at this URL, with a response timeout; the caller is signed with the
    /// shared key.
    pub fn http(
        name: &'static str,
        url: &str,
        timeout: Duration,
        key: CallerKey,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let policy = Policy {
            attempt_timeout: timeout,
            deadline: timeout,
            attempts: 2,
            first_wait: Duration::from_millis(25),
            breaker: Breaker {
                failures: 10,
                hangs: 2,
                open_for: Duration::from_secs(1),
                longest: Duration::from_secs(1),
            },
            ..Policy::default()
        };
        let http = HttpClient::new(name, url.parse()?, policy, clock.clone())?;
        Ok(Self(Transport::Http {
            http,
            name,
            key,
            clock,
        }))
    }

    /// Runs a query and parses the `data` of the response as `T`. Any error in the response is a failure.
    pub async fn query<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        document: &Document,
        variables: Variables,
    ) -> Result<T, ClientError> {
        let response = self.ask(caller, document, variables).await?;
        if let Some(error) = response.errors.first() {
            return Err(ClientError::Refused(error.message.clone()));
        }
        Ok(async_graphql::from_value(response.data)?)
    }

    /// Like [`Self::query`], but accepts errors about parts of the response.
    pub async fn query_partly<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        document: &Document,
        variables: Variables,
    ) -> Result<(T, Vec<ServerError>), ClientError> {
        let response = self.ask(caller, document, variables).await?;
        match (response.data, response.errors.first()) {
            (Value::Null, Some(error)) => Err(ClientError::Refused(error.message.clone())),
            (data, _) => Ok((async_graphql::from_value(data)?, response.errors)),
        }
    }

    async fn ask(
        &self,
        caller: &Caller,
        document: &Document,
        variables: Variables,
    ) -> Result<Response, ClientError> {
        let response = match &self.0 {
            Transport::Local(subgraph) => {
                let request = document.request().variables(variables);
                subgraph.execute(request, caller.clone()).await
            }
            Transport::Http {
                http,
                name,
                key,
                clock,
            } => {
                let request = Request::new(document.text).variables(variables);
                // Queries are safe to repeat.
                let mut post = HttpRequest::post("query", &[])
                    .json(&request)
                    .idempotent()
                    .propagate_trace();
                let signed = key.sign(caller, name, post.body(), clock.now())?;
                post = post.header(CALLER_HEADER, signed);
                // Background tasks have no request id.
                if !caller.request_id.is_empty()
                    && let Ok(id) = header_value(&caller.request_id).to_str()
                {
                    post = post.header(REQUEST_ID_NAME, id);
                }
                http.send(&post).await?.json::<Response>()?
            }
        };
        Ok(response)
    }
}
