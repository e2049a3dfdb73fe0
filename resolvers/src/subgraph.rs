//! A domain as the rest of the program sees it: a name, its SDL, and something that executes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{
    ErrorExtensionValues, Name, ObjectType, Pos, Request, Response, Schema, SubscriptionType, Value,
};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use platform::caller::Caller;
use tracing::Instrument;

use crate::batch::Batches;
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
                let (schema, sdl) = (schema.clone(), sdl.clone());
                let batches = Batches::new(limits.rows);
                let request = request.data(loaders(&batches)).data(caller);
                Box::pin(async move {
                    let mut response = batches.drive(schema.execute(request)).await;
                    replace_sdl(&mut response.data, &sdl);
                    code_input_errors(&mut response);
                    response
                })
            }
        };
        let execute_phase = move |(mut request, caller): (Request, Caller),
                                  phase: Phase|
              -> BoxFuture<'static, Option<Response>> {
            let refused = match phase {
                Phase::Subscribe(_) => nul_characters::reject(&mut request),
                // The same has been let pass.
                Phase::Resolve(_) => None,
            };
            if let Some(refused) = refused {
                return Box::pin(std::future::ready(Some(refused)));
            }
            let batches = Batches::new(Limits::default().rows);
            // Events are executed in tasks that serve many subscribers: the span of none is around them.
            let span = tracing::error_span!("subscription", request_id = caller.request_id);
            let request = request.data(loaders(&batches)).data(caller).data(phase);
            let mut events = schema.execute_stream(request);
            let event = async move {
                let mut response = batches.drive(events.next()).await?;
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
        subscription::responses(self.execute_phase.clone(), Arc::new(make_request))
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

/// What is looked at in a document before it is executed.
struct Document {
    is_query: bool,
    depth: usize,
}

impl Document {
    /// One that does not parse is refused when it is executed, unless it nests too deeply to be parsed.
    fn of(request: &mut Request) -> Self {
        let name = request.operation_name.clone();
        let document = match request.parsed_query() {
            Ok(document) => document,
            Err(error) => {
                let too_deep = async_graphql::parser::Error::RecursionLimitExceeded.to_string();
                let depth = if error.message == too_deep {
                    RECURSION
                } else {
                    0
                };
                return Self {
                    is_query: true,
                    depth,
                };
            }
        };
        let operations = document.operations.iter();
        let is_query = operations
            .filter(|(operation, _)| {
                name.is_none() || operation.map(|o| o.as_str()) == name.as_deref()
            })
            .all(|(_, operation)| operation.node.ty == OperationType::Query);
        let mut depths = Depths {
            document,
            known: HashMap::new(),
            followed: 0,
        };
        let operations = document.operations.iter();
        let depth = operations
            .map(|(_, operation)| depths.of(&operation.node.selection_set.node))
            .max();
        Self {
            is_query,
            depth: depth.unwrap_or_default(),
        }
    }
}

/// Levels of fields below selections, fragments spread.
struct Depths<'d> {
    document: &'d ExecutableDocument,
    /// Fragments by name: a few that spread each other twice would be looked at for ever.
    known: HashMap<&'d str, usize>,
    followed: usize,
}

impl<'d> Depths<'d> {
    /// Nothing beyond [`RECURSION`] is counted: it is too deep already, or a fragment spreads itself.
    fn of(&mut self, selections: &'d SelectionSet) -> usize {
        if self.followed > RECURSION {
            return RECURSION;
        }
        self.followed += 1;
        let mut deepest = 0;
        for selection in &selections.items {
            let depth = match &selection.node {
                Selection::Field(field) => 1 + self.of(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => self.of(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    self.of_fragment(&spread.node.fragment_name.node)
                }
            };
            deepest = deepest.max(depth);
        }
        self.followed -= 1;
        deepest
    }

    fn of_fragment(&mut self, name: &'d Name) -> usize {
        if let Some(known) = self.known.get(name.as_str()) {
            return *known;
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return 0;
        };
        let depth = self.of(&fragment.node.selection_set.node);
        self.known.insert(name, depth);
        depth
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
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Object};

    use super::*;

    struct Query;

    struct Node;

    #[Object]
    impl Query {
        async fn node(&self) -> Node {
            Node
        }

        async fn endless(&self) -> bool {
            std::future::pending().await
        }
    }

    #[Object]
    impl Node {
        async fn node(&self) -> Node {
            Node
        }

        async fn id(&self) -> i32 {
            1
        }
    }

    fn subgraph(limits: Limits) -> Subgraph {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
            .enable_federation()
            .limit_recursive_depth(RECURSION)
            .finish();
        Subgraph::new("nodes", schema, |_| ()).limited(limits)
    }

    async fn code(subgraph: &Subgraph, text: &str) -> Option<Value> {
        let response = subgraph
            .execute(Request::new(text), Caller::default())
            .await;
        let error = response.errors.into_iter().next()?;
        error
            .extensions
            .and_then(|extensions| extensions.get("code").cloned())
    }

    #[tokio::test]
    async fn a_document_that_is_too_deep_is_refused_with_a_code() {
        let subgraph = subgraph(Limits::default());
        let too_complex = Some(Value::from(ErrorCode::OperationTooComplex.as_str()));
        let nested = |levels: usize, open: &str, close: &str| {
            format!("{{ {} id {} }}", open.repeat(levels), close.repeat(levels))
        };
        assert_eq!(code(&subgraph, &nested(39, "node {", "}")).await, None);
        for text in [
            nested(40, "node {", "}"),
            // Within the depth, but with a fragment at each level it has more selections than are followed.
            nested(39, "node { ... { ... {", "}}}"),
            "{ ...F } fragment F on Query { node { ...G } } fragment G on Node { node { ...G } }"
                .to_owned(),
        ] {
            assert_eq!(code(&subgraph, &text).await, too_complex, "{text}");
        }
        // Looking at it takes no time, although it spreads to 2^40 fields.
        let doubling: String = (0..40)
            .map(|n| format!("fragment F{n} on Node {{ ...F{0} ...F{0} }} ", n + 1))
            .collect();
        let mut request = Request::new(format!(
            "{{ node {{ ...F0 }} }} {doubling} fragment F40 on Node {{ id }}"
        ));
        assert_eq!(Document::of(&mut request).depth, 2);
    }

    #[tokio::test]
    async fn a_query_ends_at_its_deadline() {
        let subgraph = subgraph(Limits {
            deadline: Duration::from_millis(20),
            ..Limits::default()
        });
        let late = Value::from(ErrorCode::DeadlineExceeded.as_str());
        assert_eq!(code(&subgraph, "{ endless }").await, Some(late));
        assert_eq!(subgraph.active(), 0);
        let request = subgraph.execute(Request::new("{ endless }"), Caller::default());
        let mut request = Box::pin(request);
        assert!(futures::poll!(&mut request).is_pending());
        assert_eq!(subgraph.active(), 1);
        drop(request);
        assert_eq!(subgraph.active(), 0);
    }
}
