//! A domain as seen by the rest of the program: a name, its SDL, and an executor.

mod document;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::{
    ErrorExtensionValues, ObjectType, Pos, Request, Response, Schema, SubscriptionType, Value,
};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use platform::caller::Caller;
use platform::telemetry::traces;
use tracing::{Instrument, Span};

use self::document::Document;
use crate::batch::Batches;
use crate::cache_policy::CacheLimits;
use crate::entities::Begun;
use crate::error::{ApiError, ErrorCode};
use crate::money_format::MoneyFormats;
use crate::normalize;
use crate::nul_characters;
use crate::sdl;
use crate::subscription::{self, Phase};

type Execute = dyn Fn(Request, Caller, Limits) -> BoxFuture<'static, Response> + Send + Sync;

/// Levels of selections that async-graphql follows: more than [`Limits::depth`] needs, even with a fragment at each
/// level.
pub const RECURSION: usize = 96;

/// Limits on one request to a subgraph, whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of fields after spreading fragments. Less than half of [`RECURSION`].
    pub depth: usize,
    /// Rows that it may resolve, counting each as often as it is resolved.
    pub rows: usize,
    /// When a query is cancelled. Mutations run to their end.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 40,
            rows: 20_000,
            deadline: Duration::from_secs(10),
        }
    }
}

/// A subgraph, ready to execute. Cheap to clone.
#[derive(Clone)]
pub struct Subgraph {
    name: &'static str,
    sdl: Arc<str>,
    execute: Arc<Execute>,
    execute_phase: Arc<subscription::Execute>,
    limits: Limits,
    active: Arc<AtomicUsize>,
}

impl Subgraph {
    /// Wraps a schema. `loaders` creates the DataLoaders of a request; resolvers get them with `context.data::<L>()`,
    /// like the [`Caller`].
    pub fn new<Q, M, S, L>(
        name: &'static str,
        schema: Schema<Q, M, S>,
        loaders: impl Fn(&Batches) -> L + Clone + Send + Sync + 'static,
    ) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        L: Send + Sync + 'static,
    {
        let sdl: Arc<str> = sdl::export(&schema).into();
        let execute = {
            let (schema, sdl, loaders) = (schema.clone(), sdl.clone(), loaders.clone());
            move |mut request: Request,
                  caller: Caller,
                  limits: Limits|
                  -> BoxFuture<'static, Response> {
                if let Some(refused) = nul_characters::reject(&mut request) {
                    return Box::pin(std::future::ready(refused));
                }
                let placeholder = match normalize::normalize(&mut request) {
                    Ok(placeholder) => placeholder,
                    Err(refused) => return Box::pin(std::future::ready(*refused)),
                };
                let (schema, sdl) = (schema.clone(), sdl.clone());
                let batches = Batches::new(limits.rows);
                let cache_limits = CacheLimits::default();
                let request = request
                    .data(loaders(&batches))
                    .data(cache_limits.clone())
                    .data(MoneyFormats::of(&caller))
                    .data(caller)
                    .data(Begun::default());
                Box::pin(async move {
                    let mut response = batches.drive(schema.execute(request)).await;
                    if let Some(placeholder) = placeholder {
                        placeholder.remove(&mut response.data);
                    }
                    replace_sdl(&mut response.data, &sdl);
                    code_input_errors(&mut response);
                    cache_limits.apply(&mut response.cache_control);
                    response
                })
            }
        };
        let execute_phase = move |(mut request, caller): (Request, Caller),
                                  phase: Phase,
                                  rows: usize|
              -> BoxFuture<'static, Option<Response>> {
            let refused = match phase {
                Phase::Subscribe(_) => nul_characters::reject(&mut request),
                // The same request was admitted in the other phase.
                Phase::Resolve(_) => None,
            };
            if let Some(refused) = refused {
                return Box::pin(std::future::ready(Some(refused)));
            }
            let placeholder = match normalize::normalize(&mut request) {
                Ok(placeholder) => placeholder,
                Err(refused) => return Box::pin(std::future::ready(Some(*refused))),
            };
            let batches = Batches::new(rows);
            // Events are executed in tasks shared by many subscribers, which have no span of their own.
            let span = tracing::error_span!("subscription", request_id = caller.request_id);
            let request = request
                .data(loaders(&batches))
                .data(MoneyFormats::of(&caller))
                .data(caller)
                .data(phase);
            let mut events = schema.execute_stream(request);
            let event = async move {
                let mut response = batches.drive(events.next()).await?;
                if let Some(placeholder) = placeholder {
                    placeholder.remove(&mut response.data);
                }
                code_input_errors(&mut response);
                Some(response)
            };
            Box::pin(event.instrument(span))
        };
        Self {
            name,
            sdl,
            execute: Arc::new(execute),
            execute_phase: Arc::new(execute_phase),
            limits: Limits::default(),
            active: Arc::default(),
        }
    }

    /// The same subgraph with these limits.
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Requests running right now.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// The domain's name: `orders`, `returns`, ….
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Federation SDL, as committed in `schema/<name>.graphql`.
    pub fn sdl(&self) -> &str {
        &self.sdl
    }

    /// Executes a query or mutation for this caller.
    pub async fn execute(&self, mut request: Request, caller: Caller) -> Response {
        let limits = self.limits;
        let document = Document::of(&mut request);
        if document.depth > limits.depth {
            let message = format!("The operation is deeper than {} levels", limits.depth);
            return refused(ErrorCode::OperationTooComplex, message);
        }
        let span = self.span(document.is_query);
        let response = self.run(request, caller, document.is_query);
        let response = response.instrument(span.clone()).await;
        if let Some(code) = failure(&response) {
            traces::fail(&span, code.as_str());
        }
        response
    }

    /// The operation's span for traces.
    fn span(&self, is_query: bool) -> Span {
        let kind = if is_query { "query" } else { "mutation" };
        tracing::info_span!(
            target: traces::TARGET,
            "operation",
            otel.name = %format_args!("{} {kind}", self.name),
            graphql.operation.type = kind,
            subgraph.name = self.name,
        )
    }

    async fn run(&self, request: Request, caller: Caller, is_query: bool) -> Response {
        let limits = self.limits;
        let _active = Active::new(self.name, &self.active);
        let answer = (self.execute)(request, caller, limits);
        if !is_query {
            return answer.await;
        }
        match tokio::time::timeout(limits.deadline, answer).await {
            Ok(response) => response,
            Err(_) => {
                tracing::warn!(subgraph = self.name, "query stopped at its deadline");
                let message = "This part of the answer took too long";
                refused(ErrorCode::DeadlineExceeded, message)
            }
        }
    }

    /// Executes a subscription, event by event. The request and the caller are created anew for each event, always the
    /// same.
    pub fn execute_stream(
        &self,
        make_request: impl Fn() -> (Request, Caller) + Send + Sync + 'static,
    ) -> BoxStream<'static, Response> {
        subscription::responses(
            self.execute_phase.clone(),
            self.limits.rows,
            Arc::new(make_request),
        )
    }
}

/// A running request. Ends when dropped, whether completed or cancelled.
struct Active<'s> {
    count: &'s AtomicUsize,
    gauge: metrics::Gauge,
}

impl<'s> Active<'s> {
    fn new(subgraph: &'static str, count: &'s AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        let gauge = metrics::gauge!("vantage_subgraph_requests_active", "subgraph" => subgraph);
        gauge.increment(1.0);
        Self { count, gauge }
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.gauge.decrement(1.0);
    }
}

/// The code of an error for which this subgraph is to blame.
fn failure(response: &Response) -> Option<ErrorCode> {
    let mut codes = response.errors.iter().filter_map(|error| {
        match error.extensions.as_ref()?.get("code")? {
            Value::String(code) => ErrorCode::parse(code),
            _ => None,
        }
    });
    codes.find(|code| code.is_failure())
}

fn refused(code: ErrorCode, message: impl Into<String>) -> Response {
    let error = async_graphql::Error::from(ApiError::new(code, message));
    Response::from_errors(vec![error.into_server_error(Pos::default())])
}

impl std::fmt::Debug for Subgraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subgraph")
            .field("name", &self.name)
            .finish()
    }
}

/// Prefixes of async-graphql's errors about invalid values, in validation and in execution.
const INPUT_ERRORS: [&str; 3] = [
    "Failed to parse \"",
    "Expected input type \"",
    "Invalid value for argument ",
];

/// An invalid value is the client's error, but async-graphql's error has no code, unlike ours. Also removes what it was
/// parsing, which does not help a client.
fn code_input_errors(response: &mut Response) {
    for error in &mut response.errors {
        let coded = |extensions: &ErrorExtensionValues| extensions.get("code").is_some();
        if error
            .message
            .starts_with("The recursion depth of the query")
        {
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("code", ErrorCode::OperationTooComplex.as_str());
        }
        let of_input = INPUT_ERRORS
            .iter()
            .any(|start| error.message.starts_with(start));
        if of_input && !error.extensions.as_ref().is_some_and(coded) {
            if let Some(end) = error.message.find(" (occurred while parsing") {
                error.message.truncate(end);
            }
            error
                .extensions
                .get_or_insert_default()
                .set("code", ErrorCode::BadUserInput.as_str());
        }
    }
}

/// Replaces the result of `_service { sdl }` with the SDL that we export.
fn replace_sdl(data: &mut Value, sdl: &str) {
    let Value::Object(data) = data else { return };
    if let Some(Value::Object(service)) = data.get_mut("_service")
        && let Some(told) = service.get_mut("sdl")
    {
        *told = Value::String(sdl.to_owned());
    }
}

#[cfg(test)]
mod tests;
