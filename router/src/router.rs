//! The router: built once from a schema, shared by every request.

mod admission;
mod builder;
mod incremental;
mod job;
mod key;
mod planner;
mod warm_up;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use tracing::Instrument;

use admission::Admission;
pub use builder::RouterBuilder;
pub(crate) use job::Job;
pub(crate) use key::Key;
use planner::Planner;
pub use warm_up::WarmUp;

use crate::clients::RegisteredClient;
use crate::entity_cache::RouterCache;
use crate::error::{ErrorCode, GraphQLError};
use crate::execute::{ErrorPolicy, Transports};
use crate::in_flight::InFlight;
use crate::prepare::{
    OperationCache, OperationKind, OperationLimits, PrepareOptions, PreparedOperation, Variables,
    VariantLookup,
};
use crate::request::{GraphQLRequest, PreparedRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::supergraph::Supergraph;
use crate::trace;
use crate::value::Value;

/// A federated GraphQL router. Clones share it.
#[derive(Clone, Debug)]
pub struct Router {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    supergraph: Arc<Supergraph>,
    api_sdl: String,
    transports: Transports,
    /// Whether a subgraph learns who the caller is.
    shows_caller: bool,
    /// The queries that are being answered.
    in_flight: InFlight<Key, GraphQLResponse>,
    cache: Option<Arc<RouterCache>>,
    operations: OperationCache,
    planner: Planner,
    admission: Admission,
    options: Options,
}

#[derive(Debug)]
struct Options {
    /// Unset: only in development.
    introspection: Option<bool>,
    deadline: Duration,
    plan_cache: u64,
    share_requests: bool,
    defer: bool,
    prepare: PrepareOptions,
    errors: ErrorPolicy,
    /// Subscription root fields, with the field that numbers their events.
    sequences: Vec<(String, String)>,
    /// Subscriptions that can resume after a number, with the argument that takes it.
    resumes: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            introspection: None,
            deadline: Duration::from_secs(10),
            plan_cache: 4096,
            share_requests: true,
            defer: true,
            prepare: PrepareOptions {
                limits: OperationLimits::default(),
                keep_plan: false,
                override_labels: Arc::default(),
                suggestions: false,
            },
            errors: ErrorPolicy::default(),
            sequences: Vec::new(),
            resumes: Vec::new(),
        }
    }
}

impl Inner {
    /// The cost limit for a client's operations, which may be lower than the router's.
    fn cost_limit(&self, client: Option<&RegisteredClient>) -> usize {
        let limit = self.options.prepare.limits.cost;
        let own = client.and_then(|client| client.cost_limit);
        own.map_or(limit, |own| own.min(limit))
    }
}

impl Router {
    pub fn builder() -> RouterBuilder {
        RouterBuilder::default()
    }

    /// Prepares and executes a query or mutation. Subscriptions go to [`Self::subscribe`].
    pub async fn execute(
        &self,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> GraphQLResponse {
        match self.prepare(&request).await {
            Ok(operation) => {
                let variables = request.variables;
                self.execute_prepared(PreparedRequest {
                    operation,
                    variables,
                    context,
                })
                .await
            }
            Err(refused) => refused,
        }
    }

    /// Executes a query or mutation prepared by this router.
    pub async fn execute_prepared(&self, request: PreparedRequest) -> GraphQLResponse {
        let span = trace::operation(&request.operation);
        let response = self.run_prepared(request).instrument(span.clone()).await;
        trace::errors(&span, &response.errors);
        response
    }

    async fn run_prepared(&self, request: PreparedRequest) -> GraphQLResponse {
        match self.job(request).await {
            Ok(job) => self.run(job).await,
            Err(refused) => refused,
        }
    }

    async fn run(&self, job: Job) -> GraphQLResponse {
        if let Some(planned) = job.dry_run() {
            return planned;
        }
        if job.operation.kind() == OperationKind::Subscription {
            return request_error(
                ErrorCode::BadUserInput,
                "Subscriptions need a protocol that streams: WebSocket, server-sent events or multipart.",
            );
        }
        if job.operation.kind() != OperationKind::Query || !self.inner.options.share_requests {
            return self.answer(&job).await;
        }
        let run = || async { Ok::<_, Infallible>(self.answer(&job).await.shareable()) };
        let in_flight = &self.inner.in_flight;
        let Ok(answer) = in_flight.share(Key::of(&job), Instant::now(), run).await;
        if !answer.own {
            metrics::counter!("router_shared_answers_total").increment(1);
        }
        GraphQLResponse {
            rate: job.rate,
            ..answer.outcome
        }
    }

    async fn answer(&self, job: &Job) -> GraphQLResponse {
        let deadline = job.deadline();
        let admitted = self.inner.admission.admit(job.cost, deadline).await;
        let _admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refused) => return refused,
        };
        job.answer(Value::Null, Vec::new(), deadline).await
    }

    /// Starts a subscription. Each item is a response; the stream ends when the source does.
    ///
    /// # Errors
    /// The response that rejects it: an invalid document, denied fields, an unreachable source.
    pub async fn subscribe(
        &self,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> Result<BoxStream<'static, Arc<GraphQLResponse>>, GraphQLResponse> {
        let operation = self.prepare(&request).await?;
        let job = self.subscription(PreparedRequest {
            operation,
            variables: request.variables,
            context,
        });
        let job = Arc::new(job.await?);
        let events = job
            .open()
            .await
            .map_err(|error| GraphQLResponse::request_error(vec![error]))?;
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

    /// Prepares a subscription to be opened.
    pub(crate) async fn subscription(
        &self,
        request: PreparedRequest,
    ) -> Result<Job, GraphQLResponse> {
        let mut job = self.job(request).await?;
        if job.operation.kind() != OperationKind::Subscription {
            return Err(request_error(
                ErrorCode::BadUserInput,
                "Only subscriptions can be subscribed to.",
            ));
        }
        if job.variant.plan.subscription.is_none() {
            // Nothing is left of it for this caller; the projection reports why.
            let deadline = job.deadline();
            let mut answer = job.answer(Value::Null, Vec::new(), deadline).await;
            answer.data = None;
            if answer.errors.is_empty() {
                answer.errors.push(GraphQLError::new(
                    ErrorCode::BadUserInput,
                    "Nothing is left to subscribe to: the field is skipped.",
                ));
            }
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

    /// The same subscription, resumed after the event with this number, if its source supports that.
    pub(crate) async fn resumed(&self, job: &Job, after: i64) -> Option<Job> {
        let after = i32::try_from(after).ok()?;
        let mut resumes = self.inner.options.resumes.iter();
        let text = resumes.find_map(|(field, argument)| {
            job.operation.with_argument(field, argument, RESUME_AFTER)
        })?;
        let mut variables = (*job.variables).clone();
        variables.insert(RESUME_AFTER.to_owned(), after.into());
        let resumed = self.subscribe_again(job, &text, variables).await;
        resumed
            .inspect_err(|refused| {
                let why = refused.errors.first().map(|error| &error.message);
                tracing::warn!(?why, "subscription not resumed, it starts over");
            })
            .ok()
    }

    /// A job's operation on this router, with another document or other variables.
    ///
    /// # Errors
    /// The response that rejects it.
    pub(crate) async fn subscribe_again(
        &self,
        job: &Job,
        document: &str,
        variables: Variables,
    ) -> Result<Job, GraphQLResponse> {
        let (operation, _) = self.find_or_prepare(document, job.operation.name()).await;
        let request = PreparedRequest {
            operation: operation?,
            variables,
            context: RequestContext {
                // It was charged when it began.
                charge: None,
                ..(*job.context).clone()
            },
        };
        self.subscription(request).await
    }

    /// Parses and validates the document, or finds it in the cache. Each request is counted once, here.
    ///
    /// # Errors
    /// The response that rejects the document.
    pub async fn prepare(
        &self,
        request: &GraphQLRequest,
    ) -> Result<Arc<PreparedOperation>, GraphQLResponse> {
        let Some(text) = request
            .query
            .as_deref()
            .filter(|text| !text.trim().is_empty())
        else {
            let code = ErrorCode::BadUserInput;
            return Err(request_error(code, "Must provide a query."));
        };
        let name = request
            .operation_name
            .as_deref()
            .filter(|name| !name.is_empty());
        let (prepared, lookup) = self.find_or_prepare(text, name).await;
        if let Some(lookup) = lookup {
            metrics::counter!("router_plan_cache_lookups_total", "outcome" => lookup).increment(1);
        }
        prepared
    }

    /// Also returns whether the cache had it; `None` if it was not consulted.
    async fn find_or_prepare(
        &self,
        text: &str,
        name: Option<&str>,
    ) -> (
        Result<Arc<PreparedOperation>, GraphQLResponse>,
        Option<&'static str>,
    ) {
        let inner = &*self.inner;
        let prepare = &inner.options.prepare;
        if text.len() > prepare.limits.document_bytes {
            // Rejected here or in preparation: nothing is planned or cached.
            let prepared = PreparedOperation::new(text, name, &inner.supergraph, prepare);
            return (prepared.map(Arc::new), None);
        }
        if let Some(known) = inner.operations.get(text, name) {
            return (Ok(known), Some("hit"));
        }
        let (text, name) = (text.to_owned(), name.map(str::to_owned));
        let (router, deadline) = (self.clone(), inner.options.deadline);
        let prepared = inner
            .planner
            .run(deadline, move || router.prepare_now(&text, name.as_deref()))
            .await;
        (prepared, Some("miss"))
    }

    /// The same, on the current thread.
    fn prepare_now(
        &self,
        text: &str,
        name: Option<&str>,
    ) -> Result<Arc<PreparedOperation>, GraphQLResponse> {
        let inner = &*self.inner;
        inner.operations.get_or_prepare(text, name, || {
            let started = Instant::now();
            let options = &inner.options.prepare;
            let prepared = PreparedOperation::new(text, name, &inner.supergraph, options)?;
            metrics::histogram!("router_prepare_seconds").record(started.elapsed().as_secs_f64());
            Ok(prepared)
        })
    }

    /// The maximum cost of an operation with its variables, in units of `@cost`, regardless of limits.
    ///
    /// # Errors
    /// The response that rejects the document, its variables, or missing slicing arguments.
    pub async fn cost(&self, request: GraphQLRequest) -> Result<f64, GraphQLResponse> {
        let operation = self.prepare(&request).await?;
        operation.cost(&operation.coerce_variables(request.variables)?)
    }

    /// The same before the variables are known, with their defaults.
    ///
    /// # Errors
    /// As above.
    pub async fn cost_by_default(&self, request: &GraphQLRequest) -> Result<f64, GraphQLResponse> {
        self.prepare(request).await?.cost_by_default()
    }

    /// The cost limit for this client's operations.
    pub fn cost_limit(&self, client: &RegisteredClient) -> usize {
        self.inner.cost_limit(Some(client))
    }

    /// Whether requests may get their query plans.
    pub fn exposes_query_plans(&self) -> bool {
        self.inner.options.prepare.keep_plan
    }

    /// The subgraphs that have failed so often that they are not called at the moment, by name.
    pub fn unavailable_subgraphs(&self) -> Vec<&str> {
        let transports = self.inner.transports.iter();
        let unavailable = transports.filter(|(_, transport)| transport.is_unavailable());
        let mut names: Vec<_> = unavailable.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn supergraph(&self) -> &Supergraph {
        &self.inner.supergraph
    }

    pub fn supergraph_sdl(&self) -> &str {
        &self.inner.supergraph.sdl
    }

    /// The schema visible to clients, as SDL.
    pub fn api_sdl(&self) -> &str {
        &self.inner.api_sdl
    }

    async fn job(&self, request: PreparedRequest) -> Result<Job, GraphQLResponse> {
        let PreparedRequest {
            operation,
            variables,
            context,
        } = request;
        debug_assert!(Arc::ptr_eq(operation.supergraph(), &self.inner.supergraph));
        let options = &self.inner.options;
        let allowed = context
            .introspection
            .or(options.introspection)
            .unwrap_or(options.errors.development);
        if operation.introspects() && !allowed {
            return Err(request_error(
                ErrorCode::Forbidden,
                "Introspection is not allowed.",
            ));
        }
        let variables = Arc::new(operation.coerce_variables(variables)?);
        let cost = operation.check_cost(
            &variables,
            self.inner.cost_limit(context.client.client.as_deref()),
        )?;
        let rate = match &context.charge {
            Some(charge) => charge.acquire(cost).await?,
            None => None,
        };
        let variant = match operation.variant(&context.caller, &variables) {
            VariantLookup::Planned(variant) => variant,
            VariantLookup::Unplanned(key) => {
                let (operation, variables) = (Arc::clone(&operation), Arc::clone(&variables));
                let plan = move || {
                    let span = trace::stage("plan");
                    span.in_scope(|| operation.plan_variant(key, &variables))
                };
                let deadline = context.deadline.unwrap_or(self.inner.options.deadline);
                self.inner.planner.run(deadline, plan).await?
            }
        };
        Ok(Job {
            inner: Arc::clone(&self.inner),
            operation,
            variant,
            variables,
            context: Arc::new(context),
            cost,
            rate,
            sequence: None,
        })
    }
}

/// How long a query waits for an equal one that has begun. Those that arrive meanwhile share its answer.
const GATHER: Duration = Duration::from_millis(5);

/// The variable that holds the number a resumed subscription continues after.
const RESUME_AFTER: &str = "_resumeAfter";

fn request_error(code: ErrorCode, message: &str) -> GraphQLResponse {
    GraphQLResponse::request_error(vec![GraphQLError::new(code, message)])
}
