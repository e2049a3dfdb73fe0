//! The router itself: built once from a schema, then shared by every request.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;

use crate::error::{ErrorCode, GraphQLError, RouterError};
use crate::request::{GraphQLRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::transport::{HttpTransportOptions, Transport};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    Query,
    Mutation,
    Subscription,
}

/// An operation that has been parsed, validated and planned.
#[derive(Debug)]
pub struct PreparedOperation {
    kind: OperationKind,
    name: Option<String>,
}

impl PreparedOperation {
    pub fn kind(&self) -> OperationKind {
        self.kind
    }

    /// The operation's own name in the document.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// A federated GraphQL router. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Router {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    supergraph_sdl: String,
    api_sdl: String,
}

impl Router {
    pub fn builder() -> RouterBuilder {
        RouterBuilder::default()
    }

    /// Answers a query or a mutation. Subscriptions go to [`Self::subscribe`].
    pub async fn execute(
        &self,
        request: GraphQLRequest,
        _context: RequestContext,
    ) -> GraphQLResponse {
        match self.prepare(&request) {
            Ok(_) => GraphQLResponse::default(),
            Err(refused) => refused,
        }
    }

    /// Starts a subscription. Each item is a response; the stream ends when the source does.
    pub async fn subscribe(
        &self,
        request: GraphQLRequest,
        _context: RequestContext,
    ) -> Result<BoxStream<'static, Arc<GraphQLResponse>>, GraphQLResponse> {
        self.prepare(&request)?;
        Ok(Box::pin(futures::stream::empty()))
    }

    /// Parses, validates and plans, or finds all that in the cache. The protocols ask it for the
    /// operation's kind before they execute.
    pub fn prepare(
        &self,
        _request: &GraphQLRequest,
    ) -> Result<Arc<PreparedOperation>, GraphQLResponse> {
        Err(GraphQLResponse::refused(vec![GraphQLError::new(
            ErrorCode::Internal,
            "no planner yet",
        )]))
    }

    pub fn supergraph_sdl(&self) -> &str {
        &self.inner.supergraph_sdl
    }

    /// The schema that clients see, as SDL.
    pub fn api_sdl(&self) -> &str {
        &self.inner.api_sdl
    }
}

/// Collects what a router is made of.
#[derive(Debug, Default)]
pub struct RouterBuilder {
    subgraphs: Vec<(String, String, Arc<dyn Transport>)>,
    supergraph: Option<String>,
    transports: Vec<(String, Arc<dyn Transport>)>,
    http: HttpTransportOptions,
    introspection: bool,
    deadline: Duration,
    query_plan: bool,
    development: bool,
    plan_cache: u64,
}

impl RouterBuilder {
    /// Adds a subgraph by its SDL; the router composes them when it is built.
    pub fn subgraph(mut self, name: &str, sdl: &str, transport: Arc<dyn Transport>) -> Self {
        self.subgraphs
            .push((name.to_owned(), sdl.to_owned(), transport));
        self
    }

    /// Serves a finished supergraph. Subgraphs without a [`Self::transport`] are reached by HTTP
    /// at the URL the supergraph gives.
    pub fn supergraph(mut self, sdl: &str) -> Self {
        self.supergraph = Some(sdl.to_owned());
        self
    }

    pub fn transport(mut self, name: &str, transport: Arc<dyn Transport>) -> Self {
        self.transports.push((name.to_owned(), transport));
        self
    }

    /// Options of the HTTP transports the router makes by itself.
    pub fn http(mut self, options: HttpTransportOptions) -> Self {
        self.http = options;
        self
    }

    /// Whether introspection is answered when the request does not say. Default: yes.
    pub fn introspection(mut self, allowed: bool) -> Self {
        self.introspection = allowed;
        self
    }

    /// How long a request may take before what is missing is given up. Default: 10 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Adds the query plan to `extensions`. Default: no.
    pub fn expose_query_plan(mut self, expose: bool) -> Self {
        self.query_plan = expose;
        self
    }

    /// Shows the messages of internal errors to clients. Default: no.
    pub fn development(mut self, development: bool) -> Self {
        self.development = development;
        self
    }

    /// How many prepared operations are kept. Default: 4,096.
    pub fn plan_cache(mut self, operations: u64) -> Self {
        self.plan_cache = operations;
        self
    }

    pub fn build(self) -> Result<Router, RouterError> {
        Err(RouterError::NoSchema)
    }
}
