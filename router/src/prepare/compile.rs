//! Compiles the planner's query plans.

mod batches;
mod contents;
mod contextual;
mod rewrites;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::operation::PlanningFetchOperation;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::SelectionSet;
use hive_router_planner::planner::plan_nodes::planning::{
    BatchFetchNode, FetchNode, PlanNode, QueryPlan,
};
use hive_router_planner::planner::plan_nodes::{PathSegment, ResponsePathRef};
use hive_router_planner::state::supergraph_state as planner;

use self::rewrites::renames;
use super::OperationKind;
use super::duplicate_fetches;
use super::plan::{
    EntityAlias, Fetch, FetchOperation, Node, Path, Plan, RequiredField, Requires, Segment, Target,
};
use super::repair::repair;
use super::requires::selections;
use super::{numbers, split_requires};
use crate::supergraph::Supergraph;
use crate::value::{Shape, Symbols, write_string};

/// Compiles a plan, with at most this many `_entities` fields per request. `show` also keeps the readable plan.
///
/// # Errors
/// A plan the executor does not support, described for the log.
pub(crate) fn compile(
    plan: QueryPlan,
    supergraph: &Supergraph,
    batched_entities: usize,
    show: bool,
) -> Result<Plan, String> {
    let mut compiler = Compiler {
        supergraph,
        batched_entities,
        symbols: Symbols::default(),
        subscription: None,
    };
    let shown = if show {
        serde_json::to_value(&plan).ok()
    } else {
        None
    };
    let mut root = match plan.node {
        Some(node) => compiler.node(node)?,
        None => None,
    };
    if let Some(root) = &mut root {
        duplicate_fetches::mark(root);
    }
    Ok(Plan {
        subscription: compiler.subscription,
        root,
        symbols: Arc::new(compiler.symbols),
        shown,
    })
}

struct Compiler<'a> {
    supergraph: &'a Supergraph,
    /// Maximum number of `_entities` fields in one request.
    batched_entities: usize,
    symbols: Symbols,
    subscription: Option<Arc<Fetch>>,
}

impl Compiler<'_> {
    fn node(&mut self, node: PlanNode) -> Result<Option<Node>, String> {
        Ok(Some(match node {
            PlanNode::Sequence(sequence) => Node::Sequence(self.nodes(sequence.nodes)?),
            PlanNode::Parallel(parallel) => Node::Parallel(self.nodes(parallel.nodes)?),
            PlanNode::Fetch(fetch) => self.fetch(*fetch, None)?,
            PlanNode::BatchFetch(batch) => self.batch(*batch)?,
            PlanNode::Flatten(flatten) => match *flatten.node {
                PlanNode::Fetch(fetch) => self.fetch(*fetch, Some(flatten.path.as_ref()))?,
                _ => return Err("a flatten node around a node that is not a fetch".to_owned()),
            },
            PlanNode::Subscription(subscription) => {
                let Node::Fetch(primary) = self.fetch(subscription.primary, None)? else {
                    return Err("a subscription to entities with contexts".to_owned());
                };
                self.subscription = Some(primary);
                return Ok(None);
            }
            PlanNode::Defer(_) => return Err("a defer node".to_owned()),
        }))
    }

    fn nodes(&mut self, nodes: Vec<PlanNode>) -> Result<Vec<Node>, String> {
        let nodes = nodes.into_iter().map(|node| self.node(node));
        nodes.filter_map(Result::transpose).collect()
    }

    fn fetch(
        &mut self,
        node: FetchNode,
        path: Option<ResponsePathRef<'_>>,
    ) -> Result<Node, String> {
        let kind = node.operation_kind.as_ref().into();
        let path = path.map(|path| self.path(path)).unwrap_or_default();
        if node.requires.is_some() {
            let apart = self.split_requires(&node, "_entities");
            return self.entities(node, vec![path], None, apart);
        }
        if node.context.is_some() {
            return Err("a fetch with contexts and without entities".to_owned());
        }
        let output_rewrites = node.output_rewrites.unwrap_or_default();
        let target = Target::Fields {
            path,
            rewrites: self.rewrites(&output_rewrites)?,
        };
        let operation = self.operation(
            node.service_name,
            kind,
            node.operation,
            node.variable_usages.into_iter().flatten().collect(),
            OwnVariables::default(),
            renames(output_rewrites.iter()),
        );
        Ok(Node::Fetch(Arc::new(Fetch { operation, target })))
    }

    /// An entity fetch with one list of representations.
    fn entities(
        &mut self,
        node: FetchNode,
        paths: Vec<Path>,
        unless: Option<Arc<Requires>>,
        apart: Vec<FetchNode>,
    ) -> Result<Node, String> {
        let requires = selections(node.requires.as_ref().unwrap_or(&Default::default()));
        let requires = Arc::new(self.requires(&requires, None, &node.operation.document, true));
        let apart = self.parts(apart, &paths, &requires)?;
        let output_rewrites = node.output_rewrites.as_deref().unwrap_or_default();
        let entities = EntityAlias {
            key: self.symbols.intern("_entities"),
            representations: 0,
            paths,
            requires,
            unless,
            split: apart,
            input_rewrites: self.rewrites(node.input_rewrites.as_deref().unwrap_or_default())?,
            output_rewrites: self.rewrites(output_rewrites)?,
        };
        if node.context.is_some() {
            return self.contextual(&node, entities);
        }
        let operation = self.operation(
            node.service_name,
            OperationKind::Query,
            node.operation,
            node.variable_usages.into_iter().flatten().collect(),
            OwnVariables {
                representations: vec![split_requires::REPRESENTATIONS.to_owned()],
                context: Vec::new(),
            },
            renames(output_rewrites.iter()),
        );
        Ok(Node::Fetch(Arc::new(Fetch {
            operation,
            target: Target::Entities(vec![entities]),
        })))
    }

    /// The fetches for the parts of an entity fetch.
    fn parts(
        &mut self,
        nodes: Vec<FetchNode>,
        paths: &[Path],
        whole: &Arc<Requires>,
    ) -> Result<Vec<Node>, String> {
        nodes
            .into_iter()
            .map(|node| self.entities(node, paths.to_vec(), Some(Arc::clone(whole)), Vec::new()))
            .collect()
    }

    fn batch(&mut self, node: BatchFetchNode) -> Result<Node, String> {
        let mut aliases = node.entity_batch.aliases.iter();
        if aliases.any(|alias| alias.context.is_some()) {
            return self.contextual_batch(&node);
        }
        if node.entity_batch.aliases.len() > self.batched_entities {
            let batches = batches::split(&node, self.batched_entities);
            let batches = batches.ok_or("a batch without one of its fields")?;
            let nodes = batches.into_iter().map(|batch| self.batch(batch));
            return Ok(Node::Parallel(nodes.collect::<Result<_, _>>()?));
        }
        let mut representations: Vec<String> = Vec::new();
        let mut aliases = Vec::new();
        let renamed = renames(
            node.entity_batch
                .aliases
                .iter()
                .flat_map(|alias| alias.output_rewrites.iter().flatten()),
        );
        for alias in &node.entity_batch.aliases {
            let variable = &alias.representations_variable_name;
            let index = representations.iter().position(|known| known == variable);
            let index = index.unwrap_or_else(|| {
                representations.push(variable.clone());
                representations.len() - 1
            });
            let required = selections(&alias.requires);
            let requires = Arc::new(self.requires(&required, None, &node.operation.document, true));
            let paths = alias.merge_paths.iter();
            let paths: Vec<Path> = paths.map(|path| self.path(path)).collect();
            let apart = self.split_requires(
                &FetchNode {
                    id: node.id,
                    service_name: node.service_name.clone(),
                    variable_usages: node.variable_usages.clone(),
                    operation_kind: node.operation_kind.clone(),
                    operation: node.operation.clone(),
                    custom_scalar_paths: None,
                    requires: Some(alias.requires.clone()),
                    planner_requires: None,
                    context: None,
                    run_if: None,
                    input_rewrites: alias.input_rewrites.clone(),
                    output_rewrites: alias.output_rewrites.clone(),
                },
                &alias.alias,
            );
            aliases.push(EntityAlias {
                key: self.symbols.intern(&alias.alias),
                representations: index,
                split: self.parts(apart, &paths, &requires)?,
                paths,
                requires,
                unless: None,
                input_rewrites: self
                    .rewrites(alias.input_rewrites.as_deref().unwrap_or_default())?,
                output_rewrites: self
                    .rewrites(alias.output_rewrites.as_deref().unwrap_or_default())?,
            });
        }
        let operation = self.operation(
            node.service_name,
            node.operation_kind.as_ref().into(),
            node.operation,
            node.variable_usages.into_iter().flatten().collect(),
            OwnVariables {
                representations,
                context: Vec::new(),
            },
            renamed,
        );
        Ok(Node::Fetch(Arc::new(Fetch {
            operation,
            target: Target::Entities(aliases),
        })))
    }

    /// The parts of the `_entities` field with this key, if its fields have different requirements.
    fn split_requires(&self, node: &FetchNode, key: &str) -> Vec<FetchNode> {
        split_requires::split(node, key, self.supergraph).unwrap_or_default()
    }

    fn operation(
        &mut self,
        subgraph: String,
        kind: OperationKind,
        operation: PlanningFetchOperation,
        variables: Vec<String>,
        own: OwnVariables,
        renamed: HashMap<String, String>,
    ) -> Arc<FetchOperation> {
        let mut document = operation.document;
        let text = if repair(&mut document, self.supergraph) {
            document.to_string()
        } else {
            operation.operation.document_str.into()
        };
        let mut json = Vec::with_capacity(text.len() + 16);
        write_string(text.as_bytes(), &mut json);
        let short = numbers::without_long(&document, &text);
        let graph = self.supergraph.graph_of(&subgraph).unwrap_or_default();
        let possible = |name: &str| self.supergraph.possible_in(graph, name);
        let shape = Shape::of_document(&document, &possible, &mut self.symbols);
        let contents = contents::of(&document, self.supergraph);
        let variables = variables
            .into_iter()
            .filter(|name| !own.representations.contains(name) && !own.context.contains(name))
            .collect();
        Arc::new(FetchOperation {
            subgraph: subgraph.into(),
            kind,
            json: json.into(),
            short: short.map(|document| document.to_string().into()),
            text,
            variables,
            representations: own.representations,
            context: own.context,
            shape,
            contents,
            digest: OnceLock::new(),
            duplicate_group: None,
            renamed,
            parsed: OnceLock::new(),
            is_valid: AtomicBool::new(false),
        })
    }

    fn path(&mut self, path: ResponsePathRef<'_>) -> Path {
        path.as_slice()
            .iter()
            // The root's type is fixed and not in the data.
            .skip_while(|segment| matches!(segment, PathSegment::TypeCondition(_)))
            .map(|segment| match segment {
                PathSegment::Field(name) => Segment::Field(self.symbols.intern(name)),
                PathSegment::List => Segment::List,
                PathSegment::TypeCondition(condition) => {
                    let names = condition.names().iter().map(|name| &**name);
                    Segment::Type(self.supergraph.types.set(names))
                }
            })
            .collect()
    }

    fn requires(
        &mut self,
        selection: &SelectionSet,
        parent: Option<&str>,
        document: &Document,
        entity: bool,
    ) -> Requires {
        let mut requires = Requires {
            typename: entity,
            ..Requires::default()
        };
        for item in &selection.items {
            match item {
                SelectionItem::Field(field) if field.name == "__typename" => {
                    requires.typename = true
                }
                SelectionItem::Field(field) => {
                    let key = field.selection_identifier();
                    // Where the planner aliased a field in the data, it requests the alias under
                    // the field's own name.
                    let known = self.field(parent, &field.name).or(self.field(parent, key));
                    let nullable = known.is_none_or(|known| !known.field_type.is_non_null());
                    let inner = known.map(|known| known.field_type.inner_type().to_owned());
                    requires.fields.push(RequiredField {
                        source: self.symbols.intern(&field.name),
                        key: self.symbols.intern(key),
                        nullable,
                        inner: (!field.selections.items.is_empty()).then(|| {
                            self.requires(&field.selections, inner.as_deref(), document, false)
                        }),
                    });
                }
                SelectionItem::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_str();
                    let types = self.supergraph.types.set([condition]);
                    let inner =
                        self.requires(&fragment.selections, Some(condition), document, entity);
                    requires.fragments.push((types, inner));
                }
                SelectionItem::FragmentSpread(name) => {
                    if let Some(fragment) =
                        document.fragments.iter().find(|known| known.name == *name)
                    {
                        let condition = fragment.type_condition.as_str();
                        let types = self.supergraph.types.set([condition]);
                        let inner = self.requires(
                            &fragment.selection_set,
                            Some(condition),
                            document,
                            entity,
                        );
                        requires.fragments.push((types, inner));
                    }
                }
            }
        }
        requires
    }

    fn field(&self, parent: Option<&str>, name: &str) -> Option<&planner::SupergraphField> {
        let definitions = &self.supergraph.planner.supergraph.definitions;
        definitions.get(parent?)?.fields().get(name)
    }
}

/// The variables of a fetch that are not the client's.
#[derive(Default)]
struct OwnVariables {
    representations: Vec<String>,
    /// Those with values from contexts.
    context: Vec<String>,
}

impl From<Option<&planner::OperationKind>> for OperationKind {
    fn from(kind: Option<&planner::OperationKind>) -> Self {
        match kind {
            None | Some(planner::OperationKind::Query) => Self::Query,
            Some(planner::OperationKind::Mutation) => Self::Mutation,
            Some(planner::OperationKind::Subscription) => Self::Subscription,
        }
    }
}
