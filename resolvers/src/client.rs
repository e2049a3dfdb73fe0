//! Asking another domain: a GraphQL query to its subgraph on the caller's behalf, in process or
//! over HTTP. The domain that asks has the document and the types; this is only the way there.

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

/// A document that is asked again and again: it is parsed once.
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

    /// A request for a schema in this process. One that does not parse is refused there.
    fn request(&self) -> Request {
        let mut request = Request::new(self.text);
        let parsed = self.parsed.get_or_init(|| parse_query(self.text).ok());
        if let Some(document) = parsed {
            request.set_parsed_query(document.clone());
        }
        request
    }
}

/// A way to another domain's subgraph. Cheap to clone.
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

/// Why another domain gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the subgraph's URL cannot be called: {0}")]
    Url(#[from] url::ParseError),
    #[error(transparent)]
    Client(#[from] platform::http::ClientError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the caller could not be signed: {0}")]
    Caller(#[from] platform::caller::CallerError),
    #[error("the answer has errors: {0}")]
    Refused(String),
    #[error("the answer has another shape: {0}")]
    Shape(#[from] async_graphql::DeserializerError),
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        tracing::warn!(%error, "a subgraph could not be asked");
        Self::unavailable("A part of the graph this needs is not available at the moment")
    }
}

impl SubgraphClient {
    /// To a subgraph in this process.
    pub fn local(subgraph: Subgraph) -> Self {
        Self(Transport::Local(subgraph))
    }

    /// To the process of the subgraph of this name at this URL, which may take so long to answer; the caller is signed
    /// with the shared key.
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

    /// Asks, and reads the `data` of the answer as `T`. An answer with errors is no answer.
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

    /// The same where errors are about parts of the answer.
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
                // A query: asked twice, it changes nothing.
                let mut post = HttpRequest::post("query", &[]).json(&request).idempotent();
                let signed = key.sign(caller, name, post.body(), clock.now())?;
                post = post.header(CALLER_HEADER, signed);
                // Background tasks ask without a request of anybody's.
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
