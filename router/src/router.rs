//! The router itself: built once from a schema, then shared by every request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Map;

use crate::error::{ErrorCode, GraphQLError, RouterError};
use crate::execute::{ErrorPolicy, Execution, Transports};
use crate::prepare::{
    OperationCache, OperationKind, OperationLimits, PrepareOptions, PreparedOperation, Variables,
    Variant,
};
use crate::project;
use crate::request::{GraphQLRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::supergraph::{Supergraph, compose};
use crate::transport::{
    EventStream, HttpTransport, HttpTransportOptions, SubgraphResponse, Transport, TransportError,
};
use crate::value::{Symbol, Value};

/// A federated GraphQL router. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Router {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    supergraph: Arc<Supergraph>,
    api_sdl: String,
    transports: Transports,
    operations: OperationCache,
    options: Options,
}

#[derive(Debug)]
struct Options {
    introspection: bool,
    deadline: Duration,
    plan_cache: u64,
    prepare: PrepareOptions,
    errors: ErrorPolicy,
    /// Root fields of subscriptions, and the field of their events that numbers these.
    sequences: Vec<(String, String)>,
    /// Subscriptions that can begin after a number, and the argument that says which.
    resumes: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            introspection: true,
            deadline: Duration::from_secs(10),
            plan_cache: 4096,
            prepare: PrepareOptions {
                limits: OperationLimits::default(),
                keep_plan: false,
                override_labels: Arc::default(),
            },
            errors: ErrorPolicy::default(),
            sequences: Vec::new(),
            resumes: Vec::new(),
        }
    }
}

impl Router {
    pub fn builder() -> RouterBuilder {
        RouterBuilder::default()
    }

    /// Answers a query or a mutation. Subscriptions go to [`Self::subscribe`].
    pub async fn execute(
        &self,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> GraphQLResponse {
        let job = match self.job(request, context) {
            Ok(job) => job,
            Err(refused) => return refused,
        };
        if job.operation.kind() == OperationKind::Subscription {
            return refused(
                ErrorCode::BadUserInput,
                "Subscriptions need a protocol that streams: WebSocket, server-sent events or multipart.",
            );
        }
        let deadline = job.deadline();
        job.answer(Value::Null, Vec::new(), deadline).await
    }

    /// Starts a subscription. Each item is a response; the stream ends when the source does.
    ///
    /// # Errors
    /// The response that refuses it: a document that is none, fields the caller may not have, a source
    /// that cannot be reached.
    pub async fn subscribe(
        &self,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> Result<BoxStream<'static, Arc<GraphQLResponse>>, GraphQLResponse> {
        let job = Arc::new(self.subscription(request, context).await?);
        let events = job
            .open()
            .await
            .map_err(|error| GraphQLResponse::refused(vec![error]))?;
        Ok(events
            .then(move |event| {
                let job = Arc::clone(&job);
                async move {
                    let (_, response) = job.event(event, None).await;
                    response.map(Arc::new)
                }
            })
            .filter_map(std::future::ready)
            .boxed())
    }

    /// A subscription, ready to be opened.
    pub(crate) async fn subscription(
        &self,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> Result<Job, GraphQLResponse> {
        let mut job = self.job(request, context)?;
        if job.operation.kind() != OperationKind::Subscription {
            return Err(refused(
                ErrorCode::BadUserInput,
                "Only subscriptions can be subscribed to.",
            ));
        }
        if job.variant.plan.subscription.is_none() {
            // Nothing is left of it for this caller; the projection says why.
            let deadline = job.deadline();
            let mut answer = job.answer(Value::Null, Vec::new(), deadline).await;
            answer.data = None;
            return Err(answer);
        }
        job.sequence = self
            .inner
            .options
            .sequences
            .iter()
            .find_map(|(field, sequence)| job.operation.key_in_root(field, sequence))
            .map(|key| job.variant.plan.symbols.find(&key));
        Ok(job)
    }

    /// The same subscription beginning after the event of this number, if its source can do that.
    pub(crate) async fn resumed(&self, job: &Job, after: i64) -> Option<Job> {
        let after = i32::try_from(after).ok()?;
        let mut resumes = self.inner.options.resumes.iter();
        let text = resumes.find_map(|(field, argument)| {
            job.operation.with_argument(field, argument, RESUME_AFTER)
        })?;
        let mut variables = (*job.variables).clone();
        variables.insert(RESUME_AFTER.to_owned(), after.into());
        let request = GraphQLRequest {
            query: Some(text),
            operation_name: job.operation.name().map(str::to_owned),
            variables,
            extensions: Map::new(),
        };
        let context = (*job.context).clone();
        let resumed = self.subscription(request, context).await;
        resumed
            .inspect_err(|refused| {
                let why = refused.errors.first().map(|error| &error.message);
                tracing::warn!(
                    ?why,
                    "a subscription begins anew where it should be resumed"
                );
            })
            .ok()
    }

    /// Parses, validates and plans, or finds all that in the cache. The protocols ask it for the
    /// operation's kind before they execute.
    ///
    /// # Errors
    /// The response that refuses the document.
    pub fn prepare(
        &self,
        request: &GraphQLRequest,
    ) -> Result<Arc<PreparedOperation>, GraphQLResponse> {
        let Some(text) = request
            .query
            .as_deref()
            .filter(|text| !text.trim().is_empty())
        else {
            return Err(refused(ErrorCode::BadUserInput, "Must provide a query."));
        };
        let inner = &*self.inner;
        let name = request
            .operation_name
            .as_deref()
            .filter(|name| !name.is_empty());
        if let Some(known) = inner.operations.get(text, name) {
            return Ok(known);
        }
        let started = Instant::now();
        let prepared =
            PreparedOperation::new(text, name, &inner.supergraph, &inner.options.prepare)?;
        metrics::histogram!("router_prepare_seconds").record(started.elapsed().as_secs_f64());
        let prepared = Arc::new(prepared);
        inner.operations.insert(text, name, Arc::clone(&prepared));
        Ok(prepared)
    }

    pub fn supergraph_sdl(&self) -> &str {
        &self.inner.supergraph.sdl
    }

    /// The schema that clients see, as SDL.
    pub fn api_sdl(&self) -> &str {
        &self.inner.api_sdl
    }

    fn job(
        &self,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> Result<Job, GraphQLResponse> {
        let operation = self.prepare(&request)?;
        let allowed = context
            .introspection
            .unwrap_or(self.inner.options.introspection);
        if operation.introspects() && !allowed {
            return Err(refused(
                ErrorCode::Forbidden,
                "Introspection is not allowed.",
            ));
        }
        let variables = operation.coerce_variables(request.variables)?;
        let variant = operation.variant(&context.caller, &variables)?;
        Ok(Job {
            inner: Arc::clone(&self.inner),
            operation,
            variant,
            variables: Arc::new(variables),
            context: Arc::new(context),
            sequence: None,
        })
    }
}

/// The variable in which a resumed subscription has its number.
const RESUME_AFTER: &str = "_resumeAfter";

fn refused(code: ErrorCode, message: &str) -> GraphQLResponse {
    GraphQLResponse::refused(vec![GraphQLError::new(code, message)])
}

/// An operation, ready to run for one request.
pub(crate) struct Job {
    inner: Arc<Inner>,
    pub operation: Arc<PreparedOperation>,
    variant: Arc<Variant>,
    pub variables: Arc<Variables>,
    pub context: Arc<RequestContext>,
    /// Where an event of a subscription has its number.
    sequence: Option<Symbol>,
}

impl Job {
    fn deadline(&self) -> Instant {
        Instant::now() + self.context.deadline.unwrap_or(self.inner.options.deadline)
    }

    fn execution(&self, deadline: Instant) -> Execution<'_> {
        Execution {
            plan: &self.variant.plan,
            transports: &self.inner.transports,
            types: &self.operation.supergraph().types,
            policy: &self.inner.options.errors,
            variables: &self.variables,
            context: &self.context,
            started: (self.operation.kind() == OperationKind::Query).then(Instant::now),
            deadline,
        }
    }

    /// Whether it was prepared by this router.
    pub(crate) fn runs_on(&self, router: &Router) -> bool {
        Arc::ptr_eq(&self.inner, &router.inner)
    }

    /// Opens the source of a subscription.
    ///
    /// # Errors
    /// The error to show when that fails.
    pub(crate) async fn open(&self) -> Result<EventStream, GraphQLError> {
        let Some(source) = &self.variant.plan.subscription else {
            return Err(GraphQLError::new(
                ErrorCode::Internal,
                "the subscription has no source",
            ));
        };
        self.execution(self.deadline()).subscribe(source).await
    }

    /// Answers an event of the source. Also gives its number, if events are numbered; an event whose
    /// number is not above `last` is a repetition, and has no response.
    pub(crate) async fn event(
        &self,
        event: Result<SubgraphResponse, TransportError>,
        last: Option<i64>,
    ) -> (Option<i64>, Option<GraphQLResponse>) {
        let Some(source) = &self.variant.plan.subscription else {
            return (None, None);
        };
        let deadline = self.deadline();
        let (data, errors) = self.execution(deadline).event(source, event);
        let sequence = self.sequence.and_then(|key| number_in_root(&data, key));
        if sequence.is_some() && sequence <= last {
            return (sequence, None);
        }
        (sequence, Some(self.answer(data, errors, deadline).await))
    }

    /// Runs the plan and projects what it brought.
    async fn answer(
        &self,
        data: Value,
        errors: Vec<GraphQLError>,
        deadline: Instant,
    ) -> GraphQLResponse {
        let (data, mut errors, cache) = self.execution(deadline).run(data, errors).await;
        let projection = &self.variant.projection;
        for error in &mut errors {
            error.path = projection.client_path(&error.path);
        }
        let data = project::write(
            projection,
            &data,
            self.operation.supergraph(),
            &self.variant.plan.symbols,
            &self.variables,
            &mut errors,
        );
        let mut extensions = Map::new();
        if let Some(plan) = &self.variant.plan.shown {
            extensions.insert("queryPlan".to_owned(), plan.clone());
        }
        GraphQLResponse {
            data: Some(data),
            // An answer with errors may be a better one the next time.
            cache: cache
                .policy()
                .filter(|_| errors.is_empty() && self.operation.kind() == OperationKind::Query),
            errors,
            extensions,
        }
    }
}

/// The number at a key of the root's only field.
fn number_in_root(data: &Value, key: Symbol) -> Option<i64> {
    let Value::Object(root) = data else {
        return None;
    };
    match root.fields.first() {
        Some((_, Value::Object(event))) => match event.get(key) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

/// Collects what a router is made of.
#[derive(Debug, Default)]
pub struct RouterBuilder {
    subgraphs: Vec<(String, String, Arc<dyn Transport>)>,
    supergraph: Option<String>,
    transports: Transports,
    http: HttpTransportOptions,
    options: Options,
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
        self.transports.insert(name.to_owned(), transport);
        self
    }

    /// Options of the HTTP transports the router makes by itself.
    pub fn http(mut self, options: HttpTransportOptions) -> Self {
        self.http = options;
        self
    }

    /// Whether introspection is answered when the request does not say. Default: yes.
    pub fn introspection(mut self, allowed: bool) -> Self {
        self.options.introspection = allowed;
        self
    }

    /// How long a request may take before what is missing is given up. Default: 10 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// Adds the query plan to `extensions`. Default: no.
    pub fn expose_query_plan(mut self, expose: bool) -> Self {
        self.options.prepare.keep_plan = expose;
        self
    }

    /// Shows the messages of internal errors to clients. Default: no.
    pub fn development(mut self, development: bool) -> Self {
        self.options.errors.development = development;
        self
    }

    /// Members of a subgraph error's `extensions` that pass besides `code`. Default: none.
    pub fn error_extensions(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.options.errors.extension_keys = keys.into_iter().collect();
        self
    }

    /// Says that the events of this subscription are numbered by one of their fields, an integer that
    /// grows with each and means the same to every watcher. If an operation selects it, watchers who come
    /// later share the stream of those who are there, and none gets an event twice. Default: none is.
    pub fn event_sequence(mut self, subscription: &str, field: &str) -> Self {
        let numbered = (subscription.to_owned(), field.to_owned());
        self.options.sequences.push(numbered);
        self
    }

    /// Says that this subscription can begin after an event, named by the number that
    /// [`Self::event_sequence`] is about in this argument, an `Int`. A watcher who has lost its connection
    /// and its stream is then told what it has missed, in place of what a new subscription begins with.
    /// Default: none can.
    pub fn event_resume(mut self, subscription: &str, argument: &str) -> Self {
        let resumed = (subscription.to_owned(), argument.to_owned());
        self.options.resumes.push(resumed);
        self
    }

    /// How many prepared operations are kept. Default: 4,096.
    pub fn plan_cache(mut self, operations: u64) -> Self {
        self.options.plan_cache = operations;
        self
    }

    /// The labels of `@override(label:)` that are on; shares, such as `percent(5)`, are drawn for each request.
    /// Default: none.
    pub fn override_labels(mut self, labels: impl IntoIterator<Item = String>) -> Self {
        self.options.prepare.override_labels = Arc::new(labels.into_iter().collect());
        self
    }

    /// What a document may be before it is planned.
    pub fn limits(mut self, limits: OperationLimits) -> Self {
        self.options.prepare.limits = limits;
        self
    }

    /// # Errors
    /// Subgraphs that do not compose, a supergraph that cannot be served, a subgraph that cannot be
    /// reached by any means.
    pub fn build(self) -> Result<Router, RouterError> {
        let Self {
            subgraphs,
            supergraph,
            mut transports,
            http,
            options,
        } = self;
        let sdl = match (supergraph, subgraphs.is_empty()) {
            (Some(sdl), true) => sdl,
            (None, false) => {
                let urls: Vec<String> = subgraphs
                    .iter()
                    .map(|(name, _, transport)| {
                        let url = transport.url().map(str::to_owned);
                        url.unwrap_or_else(|| format!("local:{name}"))
                    })
                    .collect();
                let parts: Vec<(&str, &str, &str)> = subgraphs
                    .iter()
                    .zip(&urls)
                    .map(|((name, sdl, _), url)| (name.as_str(), sdl.as_str(), url.as_str()))
                    .collect();
                compose(&parts)?
            }
            _ => return Err(RouterError::NoSchema),
        };
        let supergraph = Arc::new(Supergraph::new(sdl)?);
        for (name, _, transport) in subgraphs {
            transports.insert(name, transport);
        }
        for name in transports.keys() {
            if !supergraph.endpoints.contains_key(name) {
                return Err(RouterError::UnknownSubgraph(name.clone()));
            }
        }
        for (name, url) in &supergraph.endpoints {
            if !transports.contains_key(name) {
                let transport = HttpTransport::new(name, url, http.clone()).map_err(|error| {
                    RouterError::Transport {
                        subgraph: name.clone(),
                        url: url.clone(),
                        reason: error.to_string(),
                    }
                })?;
                transports.insert(name.clone(), Arc::new(transport));
            }
        }
        Ok(Router {
            inner: Arc::new(Inner {
                api_sdl: supergraph.schema.sdl(),
                operations: OperationCache::new(options.plan_cache),
                supergraph,
                transports,
                options,
            }),
        })
    }
}
