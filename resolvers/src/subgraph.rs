//! A domain as the rest of the program sees it: a name, its SDL, and something that executes.

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
use tracing::Instrument;

use self::document::Document;
use crate::batch::Batches;
use crate::conditions;
use crate::entities::Begun;
use crate::error::{ApiError, ErrorCode};
use crate::nul_characters;
use crate::sdl;
use crate::subscription::{self, Phase};

type Execute = dyn Fn(Request, Caller, Limits) -> BoxFuture<'static, Response> + Send + Sync;

/// Levels of selections that async-graphql follows: more than [`Limits::depth`] ever needs, with a fragment at each.
pub const RECURSION: usize = 96;

/// What one request to a subgraph may be and take, whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of fields, fragments spread. Fewer than half of [`RECURSION`].
    pub depth: usize,
    /// Rows that it may resolve, each as often as it is resolved.
    pub rows: usize,
    /// When a query is cut. Mutations come to their end.
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

/// A subgraph that is ready to answer. Cheap to clone.
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
    /// Wraps a schema. `loaders` makes the DataLoaders of one request, found by resolvers with
    /// `context.data::<L>()` beside the [`Caller`].
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
            move |mut request: Request, caller, limits: Limits| -> BoxFuture<'static, Response> {
                if let Some(refused) = nul_characters::reject(&mut request) {
                    return Box::pin(std::future::ready(refused));
                }
                let placeholder = match conditions::decide(&mut request) {
                    Ok(placeholder) => placeholder,
                    Err(refused) => return Box::pin(std::future::ready(*refused)),
                };
                let (schema, sdl) = (schema.clone(), sdl.clone());
                let batches = Batches::new(limits.rows);
                let request = request
                    .data(loaders(&batches))
                    .data(caller)
                    .data(Begun::default());
                Box::pin(async move {
                    let mut response = batches.drive(schema.execute(request)).await;
                    if let Some(placeholder) = placeholder {
                        placeholder.remove(&mut response.data);
                    }
                    replace_sdl(&mut response.data, &sdl);
                    code_input_errors(&mut response);
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
                // The same has been let pass.
                Phase::Resolve(_) => None,
            };
            if let Some(refused) = refused {
                return Box::pin(std::future::ready(Some(refused)));
            }
            let placeholder = match conditions::decide(&mut request) {
                Ok(placeholder) => placeholder,
                Err(refused) => return Box::pin(std::future::ready(Some(*refused))),
            };
            let batches = Batches::new(rows);
            // Events are executed in tasks that serve many subscribers: the span of none is around them.
            let span = tracing::error_span!("subscription", request_id = caller.request_id);
            let request = request.data(loaders(&batches)).data(caller).data(phase);
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

    /// The same subgraph within these limits.
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Requests that run at this moment.
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

    /// Answers a query or mutation for this caller.
    pub async fn execute(&self, mut request: Request, caller: Caller) -> Response {
        let limits = self.limits;
        let document = Document::of(&mut request);
        if document.depth > limits.depth {
            let message = format!("The operation is deeper than {} levels", limits.depth);
            return refused(ErrorCode::OperationTooComplex, message);
        }
        let _active = Active::new(self.name, &self.active);
        let answer = (self.execute)(request, caller, limits);
        if !document.is_query {
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

    /// Answers a subscription, event by event. The request is made anew for each, always the same, and so is
    /// who asks.
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

/// A request that runs. It ends when this is dropped, be it answered or given up.
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

/// How async-graphql's errors about values begin that a type cannot read: while it validates, and while it executes.
const INPUT_ERRORS: [&str; 3] = [
    "Failed to parse \"",
    "Expected input type \"",
    "Invalid value for argument ",
];

/// A value that could not be read is the client's mistake, but async-graphql gives its error no
/// code; our own errors all have one. What it was parsing on the way is of no use to a client.
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

/// `_service { sdl }` answers what we export, not what async-graphql would.
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
