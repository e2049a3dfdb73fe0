//! Executes a compiled plan: runs fetches in the plan's order, in parallel where it allows, and merges each response
//! into one tree as it arrives. A failed fetch only costs its own fields.

mod budget;
mod cached;
mod check;
mod context;
mod dedupe;
mod errors;
mod isolate;
mod merge;
mod report;
mod representations;
mod steps;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use platform::telemetry::traces;
use tracing::Instrument;

pub(crate) use budget::Budget;
pub(crate) use errors::ErrorPolicy;

use crate::cache_control::Composed;
use crate::entity_cache::RouterCache;
use crate::error::GraphQLError;
use crate::prepare::plan::{EntityAlias, Fetch, Inputs, Node, Plan, Target};
use crate::prepare::{OperationKind, Variables};
use crate::request::RequestContext;
use crate::supergraph::TypeNames;
use crate::transport::{EventStream, SubgraphRequest, SubgraphResponse, Transport, TransportError};
use crate::value::{Object, Symbol, Value};
use representations::EntityPositions;

/// The transports by subgraph name.
pub(crate) type Transports = HashMap<String, Arc<dyn Transport>>;

/// State shared by one run of a plan.
pub(crate) struct Execution<'a> {
    /// The operation's name, for logs and tracing.
    pub name: Option<&'a str>,
    pub plan: &'a Plan,
    pub transports: &'a Transports,
    pub types: &'a Arc<TypeNames>,
    pub policy: &'a ErrorPolicy,
    pub variables: &'a Arc<Variables>,
    pub context: &'a Arc<RequestContext>,
    /// Responses requested before then are too old to share. `None`: only responses to requests sent after the fetch,
    /// since fetches may change data in between.
    pub started: Option<Instant>,
    /// Stored data of subgraphs, for queries.
    pub cache: Option<&'a Arc<RouterCache>>,
    /// How each fetch used it, if the request wants to know.
    pub cache_uses: Mutex<Vec<serde_json::Value>>,
    pub deadline: Instant,
    pub budget: Arc<Budget>,
}

/// The data gathered by a run. One task runs all branches, so the locks are never contended; they are never held across
/// an await.
#[derive(Default)]
pub(crate) struct Gathered {
    data: Mutex<Value>,
    cache: Mutex<Composed>,
    /// Queries in flight that another fetch of the plan may repeat.
    in_flight: Mutex<Vec<dedupe::InFlight>>,
}

impl Gathered {
    fn new(data: Value) -> Self {
        Self {
            data: Mutex::new(data),
            ..Self::default()
        }
    }

    /// For fetches whose errors are collected together.
    fn state(&self, errors: Vec<GraphQLError>) -> State<'_> {
        State {
            data: &self.data,
            cache: &self.cache,
            in_flight: &self.in_flight,
            errors: Mutex::new(errors),
        }
    }
}

/// What fetches read and change, and their errors.
struct State<'g> {
    data: &'g Mutex<Value>,
    cache: &'g Mutex<Composed>,
    in_flight: &'g Mutex<Vec<dedupe::InFlight>>,
    errors: Mutex<Vec<GraphQLError>>,
}

impl Execution<'_> {
    /// Runs the plan over initial data: empty, or a subscription's event.
    pub(crate) async fn run(
        &self,
        data: Value,
        errors: Vec<GraphQLError>,
    ) -> (Value, Vec<GraphQLError>, Composed) {
        let gathered = Gathered::new(data);
        let state = gathered.state(errors);
        if let Some(root) = &self.plan.root {
            self.node(root, &state).await;
        }
        let errors = state.errors.into_inner();
        let Gathered { data, cache, .. } = gathered;
        (data.into_inner(), errors, cache.into_inner())
    }

    fn node<'s>(&'s self, node: &'s Node, state: &'s State<'_>) -> BoxFuture<'s, ()> {
        match node {
            Node::Fetch(fetch) => Box::pin(self.fetch(fetch, state)),
            Node::Contextual(fetch) => Box::pin(self.contextual(fetch, state)),
            Node::Sequence(nodes) => Box::pin(async move {
                for node in nodes {
                    self.node(node, state).await;
                }
            }),
            Node::Parallel(nodes) => Box::pin(async move {
                join_all(nodes.iter().map(|node| self.node(node, state))).await;
            }),
        }
    }

    async fn fetch(&self, fetch: &Fetch, state: &State<'_>) {
        if let Err(exceeded) = self.budget.check() {
            // No room is left for its data, so there is nothing to merge into.
            self.report_everywhere(fetch, &errors::over_limit(&exceeded), state);
            return;
        }
        let (inputs, gathered) = {
            let data = state.data.lock();
            self.gather(fetch, &data)
        };
        let apart = split_fetches(fetch, &gathered);
        let needed = match &fetch.target {
            Target::Entities(_) => inputs.entities() > 0,
            Target::Fields { path, .. } => {
                path.is_empty() || gathered.iter().any(|g| g.positions().next().is_some())
            }
        };
        if needed {
            self.fetch_into(fetch, Arc::new(inputs), &gathered, state)
                .await;
        }
        if !apart.is_empty() {
            join_all(apart.into_iter().map(|part| self.node(part, state))).await;
        }
    }

    async fn fetch_into(
        &self,
        fetch: &Fetch,
        inputs: Arc<Inputs>,
        gathered: &[Arc<EntityPositions>],
        state: &State<'_>,
    ) {
        let counts: Vec<usize> = inputs.representations.iter().map(Vec::len).collect();
        let answer = match fetch.operation.duplicate_group {
            None => self.send_fetch(fetch, inputs).await,
            Some(group) => {
                // Boxed, since hardly any fetch needs the space.
                Box::pin(self.fetch_deduplicated(fetch, group, inputs, state)).await
            }
        };
        match answer {
            Ok(mut response) => {
                let symbols = &self.plan.symbols;
                check::check_entities(&fetch.target, &counts, symbols, &mut response);
                let places = gathered.iter().map(|gathered| &**gathered);
                if let Err(exceeded) = self.budget.hold(fetch, &response.data, places) {
                    state.cache.lock().add(None);
                    let shown = errors::over_limit(&exceeded);
                    self.report_everywhere(fetch, &shown, state);
                    return;
                }
                state.cache.lock().add(response.cache);
                self.report(fetch, &response, gathered, state);
                let mut data = state.data.lock();
                self.merge(fetch, response.data, gathered, &mut data);
            }
            Err(shown) => {
                state.cache.lock().add(None);
                self.report_everywhere(fetch, &shown, state);
            }
        }
    }

    /// The subgraph's response, or the error of the whole fetch. What is stored of it is not sent for.
    async fn send_fetch(
        &self,
        fetch: &Fetch,
        inputs: Arc<Inputs>,
    ) -> Result<SubgraphResponse, GraphQLError> {
        match self.cache {
            // Boxed, since most of the space is only used with a cache.
            Some(cache) => Box::pin(self.send_missing(cache, fetch, inputs)).await,
            None => self.send_uncached(fetch, inputs, self.started).await,
        }
    }

    /// The subgraph's response. One to a request sent before `since` is too old; without it, one to any other request.
    async fn send_uncached(
        &self,
        fetch: &Fetch,
        inputs: Arc<Inputs>,
        since: Option<Instant>,
    ) -> Result<SubgraphResponse, GraphQLError> {
        let started = Instant::now();
        let entities = inputs.entities();
        let answer = match &fetch.target {
            // Kept until the response is there: one bad entity may require another fetch.
            Target::Entities(_) if entities > 1 => {
                match self.send(fetch, Arc::clone(&inputs), since).await {
                    Ok(response) => Ok(self.isolate(fetch, &inputs, since, response).await),
                    failed => failed,
                }
            }
            _ => self.send(fetch, inputs, since).await,
        };
        let subgraph = &fetch.operation.subgraph;
        metrics::histogram!("router_fetch_seconds", "subgraph" => subgraph.clone())
            .record(started.elapsed().as_secs_f64());
        metrics::counter!("router_fetch_entities_total", "subgraph" => subgraph.clone())
            .increment(entities as u64);
        answer.map_err(|error| {
            metrics::counter!("router_fetch_failures_total", "subgraph" => subgraph.clone())
                .increment(1);
            self.policy.transport_error(&error, self.context)
        })
    }

    /// The representations to send and their positions, by alias.
    fn gather(&self, fetch: &Fetch, data: &Value) -> (Inputs, Vec<Arc<EntityPositions>>) {
        let aliases = match &fetch.target {
            Target::Fields { path, .. } if path.is_empty() => return Default::default(),
            Target::Fields { path, .. } => {
                let gathered = EntityPositions::of_path(data, path);
                return (Inputs::default(), vec![Arc::new(gathered)]);
            }
            Target::Entities(aliases) => aliases,
        };
        let variables = fetch.operation.representations.len();
        let mut representations = vec![Vec::new(); variables];
        let mut known: Vec<Option<Arc<EntityPositions>>> = vec![None; variables];
        let gathered = aliases.iter().map(|alias| {
            let variable = alias.representations;
            if let Some(Some(known)) = known.get(variable) {
                return Arc::clone(known);
            }
            let (gathered, list) = EntityPositions::of_alias(data, alias, self.types);
            let gathered = Arc::new(gathered);
            if let (Some(slot), Some(lists)) =
                (known.get_mut(variable), representations.get_mut(variable))
            {
                *slot = Some(Arc::clone(&gathered));
                *lists = list;
            }
            gathered
        });
        let gathered = gathered.collect();
        let inputs = Inputs {
            representations,
            context: Vec::new(),
        };
        (inputs, gathered)
    }

    async fn send(
        &self,
        fetch: &Fetch,
        inputs: Arc<Inputs>,
        since: Option<Instant>,
    ) -> Result<SubgraphResponse, TransportError> {
        let subgraph = &fetch.operation.subgraph;
        let transport = self.transport(subgraph)?;
        let span = tracing::debug_span!(
            "fetch",
            subgraph = &**subgraph,
            name = self.name,
            operation = ?fetch.operation.kind,
            entities = inputs.entities(),
            request_id = self.context.request_id,
        );
        let traced = span.in_scope(|| {
            tracing::info_span!(
                target: traces::TARGET,
                "fetch",
                otel.name = %format_args!("fetch {subgraph}"),
                subgraph.name = &**subgraph,
                graphql.operation.type = fetch.operation.kind.name(),
                subgraph.entities = traces::count(inputs.entities()),
            )
        });
        let answer = transport
            .fetch(self.request(fetch, inputs, since))
            .instrument(traced.clone())
            .instrument(span);
        let answer = match tokio::time::timeout_at(self.deadline.into(), answer).await {
            Ok(answer) => answer,
            Err(_) => Err(TransportError::Deadline {
                subgraph: subgraph.to_string(),
            }),
        };
        if let Some(failure) = answer.as_ref().err().and_then(TransportError::failure) {
            traces::fail(&traced, failure);
        }
        answer
    }

    fn transport(&self, subgraph: &str) -> Result<&Arc<dyn Transport>, TransportError> {
        self.transports
            .get(subgraph)
            .ok_or_else(|| TransportError::Unavailable {
                subgraph: subgraph.to_owned(),
                reason: "no transport is configured".to_owned(),
            })
    }

    fn request(
        &self,
        fetch: &Fetch,
        inputs: Arc<Inputs>,
        since: Option<Instant>,
    ) -> SubgraphRequest {
        SubgraphRequest {
            operation: Arc::clone(&fetch.operation),
            variables: Arc::clone(self.variables),
            inputs,
            symbols: Arc::clone(&self.plan.symbols),
            types: Arc::clone(self.types),
            context: Arc::clone(self.context),
            started: since.unwrap_or_else(Instant::now),
            deadline: self.deadline,
            budget: Arc::clone(&self.budget),
        }
    }

    /// Opens a subscription's source.
    pub(crate) async fn subscribe(&self, fetch: &Fetch) -> Result<EventStream, GraphQLError> {
        debug_assert_eq!(fetch.operation.kind, OperationKind::Subscription);
        let opened = match self.transport(&fetch.operation.subgraph) {
            Ok(transport) => {
                transport
                    .subscribe(self.request(fetch, Arc::default(), self.started))
                    .await
            }
            Err(error) => Err(error),
        };
        opened.map_err(|error| self.policy.transport_error(&error, self.context))
    }

    /// Converts an event of a subscription's source into the data and errors that the rest of the plan starts from.
    pub(crate) fn event(
        &self,
        fetch: &Fetch,
        event: Result<SubgraphResponse, TransportError>,
    ) -> (Value, Vec<GraphQLError>) {
        let gathered = Gathered::default();
        let state = gathered.state(Vec::new());
        match event {
            Ok(response) => {
                let held = self.budget.hold(fetch, &response.data, std::iter::empty());
                if let Err(exceeded) = held {
                    let shown = errors::over_limit(&exceeded);
                    self.report_everywhere(fetch, &shown, &state);
                } else {
                    self.report(fetch, &response, &[], &state);
                    self.merge(fetch, response.data, &[], &mut state.data.lock());
                }
            }
            Err(error) => {
                let shown = self.policy.transport_error(&error, self.context);
                self.report_everywhere(fetch, &shown, &state);
            }
        }
        let errors = state.errors.into_inner();
        (gathered.data.into_inner(), errors)
    }

    fn merge(
        &self,
        fetch: &Fetch,
        answer: Value,
        gathered: &[Arc<EntityPositions>],
        data: &mut Value,
    ) {
        match &fetch.target {
            Target::Fields { path, rewrites } => {
                let mut answer = answer;
                representations::apply(rewrites, &mut answer);
                if path.is_empty() {
                    merge::merge(data, answer, self.types);
                    return;
                }
                let (Some(gathered), Value::Object(answer)) = (gathered.first(), answer) else {
                    return;
                };
                gathered.change(data, &mut |_, target| {
                    merge::merge_copy(target, &answer, self.types);
                });
            }
            Target::Entities(aliases) => {
                let Value::Object(mut answer) = answer else {
                    return;
                };
                for (alias, gathered) in aliases.iter().zip(gathered) {
                    let entities = into_list(&mut answer, alias.key);
                    self.merge_entities(alias, entities, gathered, data);
                }
            }
        }
    }

    fn merge_entities(
        &self,
        alias: &EntityAlias,
        mut entities: Vec<Value>,
        gathered: &EntityPositions,
        data: &mut Value,
    ) {
        for entity in &mut entities {
            representations::apply(&alias.output_rewrites, entity);
        }
        // An entity's last position gets it by move; most entities have only one.
        let mut uses = vec![0_usize; entities.len()];
        for (index, _) in gathered.positions() {
            if let Some(uses) = uses.get_mut(index) {
                *uses += 1;
            }
        }
        gathered.change(data, &mut |index, target| {
            let (Some(uses), Some(entity)) = (uses.get_mut(index), entities.get_mut(index)) else {
                return;
            };
            *uses -= 1;
            let Value::Object(object) = entity else {
                return;
            };
            if *uses == 0 {
                merge::merge_object(target, std::mem::take(object), self.types);
            } else {
                merge::merge_copy(target, object, self.types);
            }
        });
    }
}

/// The fetches for entities that lack something the whole fetch requires.
fn split_fetches<'f>(fetch: &'f Fetch, gathered: &[Arc<EntityPositions>]) -> Vec<&'f Node> {
    let Target::Entities(aliases) = &fetch.target else {
        return Vec::new();
    };
    let lacking = aliases
        .iter()
        .zip(gathered)
        .filter(|(_, gathered)| gathered.lacking);
    lacking.flat_map(|(alias, _)| &alias.split).collect()
}

fn into_list(answer: &mut Object, key: Symbol) -> Vec<Value> {
    match answer.get_mut(key).map(std::mem::take) {
        Some(Value::List(entities)) => entities,
        _ => Vec::new(),
    }
}
