//! An operation running for one request: executes its plan and projects the response.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use platform::rate_limit::Decision;
use serde_json::Map;
use tracing::{Instrument, Span};

use super::{Inner, Router};
use crate::error::{ErrorCode, GraphQLError};
use crate::execute::{Budget, Execution};
use crate::prepare::{OperationKind, PreparedOperation, Variables, Variant, shown_cost};
use crate::project;
use crate::request::{PlanRequest, RequestContext};
use crate::response::GraphQLResponse;
use crate::trace;
use crate::transport::{EventStream, SubgraphResponse, TransportError};
use crate::value::{Symbol, Value};

/// Responses with this many objects are written off the serving threads: they would block one for milliseconds.
pub(super) const LARGE_ANSWER: usize = 5_000;

/// An operation, ready to run for one request.
pub(crate) struct Job {
    pub(super) inner: Arc<Inner>,
    pub operation: Arc<PreparedOperation>,
    pub(super) variant: Arc<Variant>,
    pub variables: Arc<Variables>,
    pub context: Arc<RequestContext>,
    /// Its maximum cost.
    pub(super) cost: f64,
    /// What remains of its sender's rate limit.
    pub(super) rate: Option<Decision>,
    /// The key of an event's sequence number.
    pub(super) sequence: Option<Symbol>,
}

impl Job {
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.context.deadline.unwrap_or(self.inner.options.deadline)
    }

    pub(super) fn execution(&self, deadline: Instant) -> Execution<'_> {
        let limits = &self.inner.options.prepare.limits;
        let is_query = self.operation.kind() == OperationKind::Query;
        Execution {
            budget: Arc::new(Budget::new(limits.entities, limits.response_bytes)),
            name: self.operation.name(),
            plan: &self.variant.plan,
            transports: &self.inner.transports,
            types: &self.operation.supergraph().types,
            policy: &self.inner.options.errors,
            variables: &self.variables,
            context: &self.context,
            started: is_query.then(Instant::now),
            // What a mutation or an event has changed must be seen at once.
            cache: self.inner.cache.as_ref().filter(|_| is_query),
            cache_uses: Mutex::default(),
            deadline,
        }
    }

    /// Whether this router prepared it.
    pub(crate) fn runs_on(&self, router: &Router) -> bool {
        Arc::ptr_eq(&self.inner, &router.inner)
    }

    /// Opens a subscription's source.
    ///
    /// # Errors
    /// The error to show if that fails.
    pub(crate) async fn open(&self) -> Result<EventStream, GraphQLError> {
        let Some(source) = &self.variant.plan.subscription else {
            return Err(GraphQLError::new(
                ErrorCode::Internal,
                "the subscription has no source",
            ));
        };
        self.execution(self.deadline()).subscribe(source).await
    }

    /// Executes the operation for an event of the source. Also returns the event's number, if numbered; an event whose
    /// number is not above `last` is a duplicate and has no response.
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

    /// After a mutation: its caller reads past the cache for a while.
    pub(super) fn note_change(&self) {
        if self.operation.kind() == OperationKind::Mutation
            && let Some(cache) = &self.inner.cache
        {
            cache.written_by(&self.context);
        }
    }

    /// The limit that its cost was checked against.
    pub(super) fn cost_limit(&self) -> usize {
        self.inner.cost_limit(self.context.client.client.as_deref())
    }

    pub(super) fn requests_plan(&self) -> bool {
        self.context.query_plan != PlanRequest::No
    }

    /// The query plan, if the request asked for it.
    fn shown_plan(&self) -> Option<&serde_json::Value> {
        let plan = self.variant.plan.shown.as_ref();
        plan.filter(|_| self.requests_plan())
    }

    /// The response to a dry run, if the request asked for one and the router exposes plans.
    pub(super) fn dry_run(&self) -> Option<GraphQLResponse> {
        let plan = self.shown_plan()?;
        (self.context.query_plan == PlanRequest::DryRun).then(|| GraphQLResponse {
            data: Some(Bytes::from_static(b"null")),
            extensions: Map::from_iter([("queryPlan".to_owned(), plan.clone())]),
            rate: self.rate,
            ..GraphQLResponse::default()
        })
    }

    /// Whether the request wants to know what came from the cache.
    fn shows_cache(&self) -> bool {
        self.context.shows_cache && self.inner.cache.is_some()
    }

    /// What the request wants to know besides data and errors.
    pub(super) fn extensions(&self, execution: &Execution<'_>) -> Map<String, serde_json::Value> {
        let mut extensions = Map::new();
        if let Some(plan) = self.shown_plan() {
            extensions.insert("queryPlan".to_owned(), plan.clone());
        }
        if self.shows_cache() {
            let uses = std::mem::take(&mut *execution.cache_uses.lock());
            extensions.insert("entityCache".to_owned(), uses.into());
        }
        if self.context.shows_cost {
            let cost = shown_cost(self.cost, self.cost_limit());
            extensions.insert("cost".to_owned(), cost);
        }
        extensions
    }

    /// Runs the plan and projects its data.
    pub(super) async fn answer(
        &self,
        data: Value,
        errors: Vec<GraphQLError>,
        deadline: Instant,
    ) -> GraphQLResponse {
        let execution = self.execution(deadline);
        let executed = execution.run(data, errors);
        let (data, mut errors, cache) = executed.instrument(trace::stage("execute")).await;
        self.note_change();
        for error in &mut errors {
            error.path = self.variant.projection.client_path(&error.path);
        }
        let projecting = Projecting {
            operation: Arc::clone(&self.operation),
            variant: Arc::clone(&self.variant),
            variables: Arc::clone(&self.variables),
        };
        let large = execution.budget.entities() > LARGE_ANSWER;
        let (data, errors) = projecting.write(data, errors, large).await;
        GraphQLResponse {
            data: Some(data),
            // A response with errors may not have them next time.
            cache: cache
                .policy()
                .filter(|_| errors.is_empty() && self.operation.kind() == OperationKind::Query)
                // Other requests have not asked for these.
                .filter(|_| self.shown_plan().is_none() && !self.shows_cache()),
            errors,
            extensions: self.extensions(&execution),
            rate: self.rate,
            ..GraphQLResponse::default()
        }
    }
}

/// What projection needs.
struct Projecting {
    operation: Arc<PreparedOperation>,
    variant: Arc<Variant>,
    variables: Arc<Variables>,
}

impl Projecting {
    /// Writes the data as JSON, and returns it with all errors.
    async fn write(
        self,
        data: Value,
        errors: Vec<GraphQLError>,
        large: bool,
    ) -> (Bytes, Vec<GraphQLError>) {
        if !large {
            return self.write_now(&data, errors);
        }
        let span = Span::current();
        let written =
            tokio::task::spawn_blocking(move || span.in_scope(|| self.write_now(&data, errors)));
        written.await.unwrap_or_else(|error| {
            tracing::error!(%error, "writing a response panicked");
            let message = "The answer could not be written.";
            let error = GraphQLError::new(ErrorCode::Internal, message);
            (Bytes::from_static(b"null"), vec![error])
        })
    }

    fn write_now(&self, data: &Value, mut errors: Vec<GraphQLError>) -> (Bytes, Vec<GraphQLError>) {
        let written = project::write(
            &self.variant.projection,
            data,
            self.operation.supergraph(),
            &self.variant.plan.symbols,
            &self.variables,
            &mut errors,
        );
        (written.json, errors)
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
