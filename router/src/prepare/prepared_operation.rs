//! A prepared operation: what is the same for every request that runs it, and its plans.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use graphql_tools::static_graphql::query::Document;
use parking_lot::Mutex;
use platform::caller::Caller;
use platform::panics::catch_now;
use serde_json::{Map, Value};

use super::deferred::Incremental;
use super::limits::Exceeded;
use super::limits::cost::{self, OperationCost};
use super::plan::Plan;
use super::planning::{PlanFailure, plan_document};
use super::usual_duration::UsualDuration;
use super::{Aliases, PrepareOptions, Variables, compile, document, operation, prune, variables};
use crate::error::{ErrorCode, GraphQLError};
use crate::project::{Delivery, Denials, Projection};
use crate::response::GraphQLResponse;
use crate::supergraph::{RequirementId, Supergraph};

/// Maximum number of cached variants of an operation: one for each combination of conditions and denied fields.
const MAX_VARIANTS: usize = 64;

/// The kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    Query,
    Mutation,
    Subscription,
}

/// An operation that has been parsed, validated and planned.
pub struct PreparedOperation {
    kind: OperationKind,
    text: Box<str>,
    name: Option<String>,
    introspects: bool,
    defers: bool,
    supergraph: Arc<Supergraph>,
    document: Document,
    aliases: Aliases,
    conditions: Vec<String>,
    requirements: Vec<RequirementId>,
    keep_plan: bool,
    override_labels: Arc<HashSet<String>>,
    planning_time: Duration,
    /// The limit `variable_values`.
    variable_values: usize,
    /// Maximum number of `_entities` fields in one subgraph request.
    batched_entities: usize,
    plans: Mutex<HashMap<PlanKey, Arc<Plan>>>,
    variants: Mutex<HashMap<VariantKey, Arc<Variant>>>,
    /// The variant of an operation that can have only one, which is most of them; needs no lock.
    only: OnceLock<Arc<Variant>>,
    uses: AtomicU64,
    pub(crate) usual_duration: UsualDuration,
    /// Maximum number of fields, after spreading fragments.
    fields: usize,
    cost: OperationCost,
    /// Serializes planning: concurrent requests for the same variant wait and share the result.
    planning: Mutex<()>,
}

/// Each combination of denied fields, `@skip`/`@include` outcomes and `@override` shares has its own plan and
/// projection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct VariantKey {
    denied: Vec<(RequirementId, ErrorCode)>,
    conditions: Vec<bool>,
    /// Which of the percentage `@override`s apply.
    share: usize,
}

/// Like [`VariantKey`], without the reasons for denials, which do not affect a plan.
#[derive(Clone, PartialEq, Eq, Hash)]
struct PlanKey {
    denied: BTreeSet<RequirementId>,
    conditions: Vec<bool>,
    share: usize,
}

/// Whether a variant is already planned.
pub(crate) enum VariantLookup {
    Planned(Arc<Variant>),
    Unplanned(VariantKey),
}

/// A plan with its projection.
#[derive(Debug)]
pub(crate) struct Variant {
    pub plan: Arc<Plan>,
    pub projection: Projection,
    /// For a response in parts, if something is deferred.
    pub incremental: Option<Arc<Incremental>>,
}

impl PreparedOperation {
    /// # Errors
    /// The response that rejects the document: syntax, validation, limits. Planning happens later, once the cost is
    /// known.
    pub fn new(
        text: &str,
        operation_name: Option<&str>,
        supergraph: &Arc<Supergraph>,
        options: &PrepareOptions,
    ) -> Result<Self, GraphQLResponse> {
        let (document, fields) = document::parse(text, operation_name, options, supergraph)?;
        let traits = document::traits(&document, supergraph);
        let (kind, name) = match operation(&document) {
            Some(operation) => (
                OperationKind::of(operation),
                document::operation_name(operation).map(str::to_owned),
            ),
            None => (OperationKind::Query, None),
        };
        let cost = OperationCost::compile(&document, supergraph, options.limits.list_size);
        let prepared = Self {
            kind,
            text: text.into(),
            name,
            introspects: traits.introspects,
            defers: traits.defers,
            supergraph: Arc::clone(supergraph),
            aliases: Aliases::of(&document),
            document,
            conditions: traits.conditions.into_iter().collect(),
            requirements: traits.requirements.into_iter().collect(),
            keep_plan: options.keep_plan,
            override_labels: Arc::clone(&options.override_labels),
            planning_time: Duration::from_millis(options.limits.planning_ms),
            variable_values: options.limits.variable_values,
            batched_entities: options.limits.batched_entities.max(1),
            plans: Mutex::default(),
            variants: Mutex::default(),
            only: OnceLock::new(),
            uses: AtomicU64::new(0),
            usual_duration: UsualDuration::default(),
            fields,
            cost,
            planning: Mutex::default(),
        };
        Ok(prepared)
    }

    /// The operation's maximum cost with these variables, in units of `@cost`.
    ///
    /// # Errors
    /// A rejection if the arguments that bound a list are missing or ambiguous.
    pub fn cost(&self, variables: &Variables) -> Result<f64, GraphQLResponse> {
        let cost = self.cost.of(&self.supergraph.costs, variables);
        cost.map_err(|reason| request_error(ErrorCode::BadUserInput, &reason.to_string()))
    }

    /// The same before the variables are known, with their defaults: conditionally skipped fields count, and lists
    /// sized by a variable get the default size.
    ///
    /// # Errors
    /// As above.
    pub fn cost_by_default(&self) -> Result<f64, GraphQLResponse> {
        self.cost(&variables::defaults(&self.document))
    }

    /// The same, checked against a limit.
    ///
    /// # Errors
    /// Also a rejection if it may cost more than `limit`.
    pub(crate) fn check_cost(
        &self,
        variables: &Variables,
        limit: usize,
    ) -> Result<f64, GraphQLResponse> {
        let cost = self.cost(variables)?;
        if cost > cost::as_f64(limit) {
            return Err(cost::too_expensive(cost, limit));
        }
        Ok(cost)
    }

    pub fn kind(&self) -> OperationKind {
        self.kind
    }

    /// The client's document.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key in the data of a field of a root field, if both are selected for all variables.
    pub(crate) fn key_in_root(&self, root: &str, field: &str) -> Option<String> {
        let selections = &operation(&self.document)?.selection_set().items;
        let selections = &document::plain_field(selections, root)?.selection_set.items;
        let found = document::plain_field(selections, field)?;
        let other = self.aliases.key(found, &self.supergraph.needed);
        other.or_else(|| Some(found.alias.as_ref().unwrap_or(&found.name).clone()))
    }

    /// The document with an additional argument of a root field, from an `Int` variable. `None` if the field is not
    /// selected directly, or the argument or variable already exists.
    pub(crate) fn with_argument(
        &self,
        root: &str,
        argument: &str,
        variable: &str,
    ) -> Option<String> {
        let mut document = self.document.clone();
        document::add_argument(&mut document, root, argument, variable)?;
        Some(document::into_text(document))
    }

    /// Maximum number of fields, after spreading fragments.
    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    pub(super) fn used(&self) {
        self.uses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }

    /// The operation's name in the document.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it uses `__schema` or `__type`.
    pub fn introspects(&self) -> bool {
        self.introspects
    }

    /// Whether it uses `@defer`.
    pub(crate) fn defers(&self) -> bool {
        self.defers
    }

    pub(crate) fn supergraph(&self) -> &Arc<Supergraph> {
        &self.supergraph
    }

    /// # Errors
    /// A rejection that lists every invalid variable, or the limit on all values.
    pub fn coerce_variables(
        &self,
        given: Map<String, Value>,
    ) -> Result<Variables, GraphQLResponse> {
        variables::measure(&given, self.variable_values).map_err(document::too_complex)?;
        let mut variables = variables::coerce(&self.document, given, &self.supergraph.schema)
            .map_err(GraphQLResponse::request_error)?;
        // Fetches use the names from the plans.
        let renamed = variables.iter().filter_map(|(name, value)| {
            let other = self.aliases.variable(name)?;
            Some((other, value.clone()))
        });
        let renamed: Vec<_> = renamed.collect();
        variables.extend(renamed);
        Ok(variables)
    }

    /// Looks up the variant for this caller and these variables.
    pub(crate) fn variant(&self, caller: &Caller, variables: &Variables) -> VariantLookup {
        if let Some(variant) = self.only.get() {
            return VariantLookup::Planned(Arc::clone(variant));
        }
        let key = VariantKey {
            denied: self.denied(caller),
            conditions: self
                .conditions
                .iter()
                .map(|name| matches!(variables.get(name), Some(Value::Bool(true))))
                .collect(),
            share: self.supergraph.shares.sample(),
        };
        let known = self.variants.lock().get(&key).cloned();
        known.map_or(VariantLookup::Unplanned(key), VariantLookup::Planned)
    }

    /// Plans the variant for callers without denied fields, unless it depends on variables.
    ///
    /// # Errors
    /// The response that explains why there is no plan.
    pub(crate) fn plan_ahead(&self) -> Result<(), GraphQLResponse> {
        if self.conditions.is_empty() {
            self.plan(PlanKey {
                denied: BTreeSet::new(),
                conditions: Vec::new(),
                share: self.supergraph.shares.sample(),
            })?;
        }
        Ok(())
    }

    /// Plans a variant that is not cached.
    ///
    /// # Errors
    /// The response that explains why there is no plan.
    pub(crate) fn plan_variant(
        &self,
        key: VariantKey,
        variables: &Variables,
    ) -> Result<Arc<Variant>, GraphQLResponse> {
        let denials: Denials = key.denied.iter().copied().collect();
        let plan = self.plan(PlanKey {
            denied: denials.keys().copied().collect(),
            conditions: key.conditions.clone(),
            share: key.share,
        })?;
        let project = |delivery| {
            Projection::compile(
                &self.document,
                &self.supergraph,
                &plan.symbols,
                &denials,
                variables,
                &self.aliases,
                delivery,
            )
        };
        let projection = project(Delivery::Whole);
        let defers = self.defers && self.kind != OperationKind::Subscription;
        let incremental = defers.then(|| project(Delivery::Incremental));
        let incremental = incremental
            .filter(|projection| projection.deferred_fragments() > 0)
            .map(|projection| Arc::new(Incremental::new(projection, &plan, &self.supergraph)));
        let variant = Arc::new(Variant {
            plan,
            projection,
            incremental,
        });
        let varies = !self.requirements.is_empty()
            || !self.conditions.is_empty()
            || !self.supergraph.shares.is_empty();
        if !varies {
            return Ok(Arc::clone(self.only.get_or_init(|| variant)));
        }
        let mut variants = self.variants.lock();
        if variants.len() < MAX_VARIANTS {
            variants.insert(key, Arc::clone(&variant));
        }
        Ok(variant)
    }

    fn denied(&self, caller: &Caller) -> Vec<(RequirementId, ErrorCode)> {
        self.requirements
            .iter()
            .filter_map(|id| {
                let requirement = self.supergraph.access.requirement(*id)?;
                Some((*id, requirement.denial(caller)?))
            })
            .collect()
    }

    fn plan(&self, key: PlanKey) -> Result<Arc<Plan>, GraphQLResponse> {
        let known = self.plans.lock().get(&key).cloned();
        if let Some(plan) = known {
            return Ok(plan);
        }
        let _planning = self.planning.lock();
        let known = self.plans.lock().get(&key).cloned();
        if let Some(plan) = known {
            return Ok(plan);
        }
        let started = Instant::now();
        let names = self.conditions.iter().map(String::as_str);
        let conditions: BTreeMap<&str, bool> = names.zip(key.conditions.iter().copied()).collect();
        let document = prune::for_planner(
            &self.document,
            &self.supergraph,
            &self.aliases,
            &key.denied,
            &conditions,
        );
        let shares = &self.supergraph.shares;
        let overrides = || shares.context(key.share, &self.override_labels);
        let time = self.planning_time;
        let plan = catch_now(|| plan_document(&document, &self.supergraph, overrides, time))
            .unwrap_or_else(|panic| Err(PlanFailure::Internal(panic)))
            .and_then(|plan| {
                compile::compile(
                    plan,
                    &self.supergraph,
                    self.batched_entities,
                    self.keep_plan,
                )
                .map_err(PlanFailure::Internal)
            })
            .map_err(|failure| match failure {
                PlanFailure::TooLong => document::too_complex(Exceeded {
                    limit: "planning_ms",
                    allowed: usize::try_from(time.as_millis()).unwrap_or(usize::MAX),
                }),
                PlanFailure::Internal(reason) => {
                    tracing::error!(
                        operation = self.name.as_deref(),
                        reason,
                        "operation not planned"
                    );
                    request_error(ErrorCode::Internal, "The operation could not be planned.")
                }
            })?;
        metrics::histogram!("router_plan_seconds").record(started.elapsed().as_secs_f64());
        let plan = Arc::new(plan);
        let mut plans = self.plans.lock();
        if plans.len() < MAX_VARIANTS {
            plans.insert(key, Arc::clone(&plan));
        }
        Ok(plan)
    }
}

impl fmt::Debug for PreparedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedOperation")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl OperationKind {
    /// The kind's keyword.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }

    pub(super) fn of(operation: &document::Operation) -> Self {
        use graphql_tools::parser::query::OperationDefinition as Definition;
        match operation {
            Definition::SelectionSet(_) | Definition::Query(_) => Self::Query,
            Definition::Mutation(_) => Self::Mutation,
            Definition::Subscription(_) => Self::Subscription,
        }
    }
}

fn request_error(code: ErrorCode, message: &str) -> GraphQLResponse {
    GraphQLResponse::request_error(vec![GraphQLError::new(code, message)])
}
