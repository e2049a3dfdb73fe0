//! Prepares an operation whose response comes in parts (`@defer`). Its fetches are those of the whole operation: a part
//! is ready once the ones have completed that it has data of.

mod demand;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use self::demand::Demand;
use super::OperationKind;
use super::plan::{ContextualFetch, EntityAlias, Fetch, Node, Plan, Target};
use crate::project::{Parts, Projection};
use crate::supergraph::Supergraph;

/// What delivers an operation's response in parts.
#[derive(Debug)]
pub(crate) struct Incremental {
    /// The initial part and its deferred fragments.
    pub projection: Projection,
    pub steps: Vec<Step>,
}

/// A fetch of one or more parts.
#[derive(Debug)]
pub(crate) struct Step {
    pub fetch: Node,
    /// The parts that wait for it.
    pub parts: Parts,
    /// The positions of the steps that it waits for.
    pub after: Vec<usize>,
}

impl Incremental {
    pub(super) fn new(projection: Projection, plan: &Plan, supergraph: &Supergraph) -> Self {
        let mut demand = Demand::new(projection.requested_keys(), supergraph);
        let mut planned = Vec::new();
        if let Some(root) = &plan.root {
            order(root, &[], &mut planned);
        }
        // Backwards, since what a fetch needs of the data is wanted from the fetches before it.
        let mut separated = Vec::with_capacity(planned.len());
        for (fetch, _) in planned.iter().rev() {
            let fetches = separate(fetch, &demand);
            for (fetch, parts) in &fetches {
                demand.require(fetch, *parts);
            }
            separated.push(fetches);
        }
        separated.reverse();
        let mut steps: Vec<Step> = Vec::new();
        let mut positions: Vec<Range<usize>> = Vec::new();
        for ((_, before), fetches) in planned.iter().zip(separated) {
            let first = steps.len();
            for (fetch, parts) in fetches {
                let earlier = before
                    .iter()
                    .flat_map(|planned| positions[*planned].clone());
                // What it needs the data of belongs to all of its parts. The others need not be waited for, except by a
                // mutation, which must see what has happened before.
                let is_needed =
                    |earlier: &usize| is_mutation(&fetch) || steps[*earlier].parts.contains(parts);
                let after = earlier.filter(is_needed).collect();
                steps.push(Step {
                    fetch,
                    parts,
                    after,
                });
            }
            positions.push(first..steps.len());
        }
        Self { projection, steps }
    }
}

/// Lists the fetches of a plan, each with the positions of those that complete before it starts.
fn order<'p>(node: &'p Node, earlier: &[usize], planned: &mut Vec<(&'p Node, Vec<usize>)>) {
    match node {
        Node::Fetch(_) | Node::Contextual(_) => planned.push((node, earlier.to_vec())),
        Node::Parallel(nodes) => {
            for node in nodes {
                order(node, earlier, planned);
            }
        }
        Node::Sequence(nodes) => {
            let mut earlier = earlier.to_vec();
            for node in nodes {
                let first = planned.len();
                order(node, &earlier, planned);
                earlier.extend(first..planned.len());
            }
        }
    }
}

fn is_mutation(node: &Node) -> bool {
    matches!(node, Node::Fetch(fetch) if fetch.operation.kind == OperationKind::Mutation)
}

/// A fetch with its parts. If they differ for its entities, which the planner requests together, the fetch is sent once
/// for each set of parts, so that none waits for the others' entities.
fn separate(node: &Node, demand: &Demand) -> Vec<(Node, Parts)> {
    let (fetch, aliases) = match node {
        Node::Fetch(fetch) => match &fetch.target {
            Target::Entities(aliases) => (fetch, aliases),
            Target::Fields { path, rewrites } => {
                return vec![(node.clone(), demand.parts_of_fields(path, fetch, rewrites))];
            }
        },
        Node::Contextual(contextual) => {
            return vec![(node.clone(), parts_of_contextual(contextual, demand))];
        }
        Node::Sequence(_) | Node::Parallel(_) => return Vec::new(),
    };
    // By representations and path: aliases may share their representations.
    let mut parts: BTreeMap<(usize, usize), Parts> = BTreeMap::new();
    for alias in aliases {
        for (position, path) in alias.paths.iter().enumerate() {
            let place = (alias.representations, position);
            let own = demand.parts_of_entities(path, alias, fetch);
            parts.entry(place).or_default().add(own);
        }
    }
    let mut distinct: Vec<Parts> = Vec::new();
    for own in parts.values() {
        if !distinct.contains(own) {
            distinct.push(*own);
        }
    }
    let fetches = distinct.into_iter().map(|own| {
        let aliases = aliases.iter().map(|alias| {
            let place = |position| (alias.representations, position);
            restricted(alias, &|position| parts.get(&place(position)) == Some(&own))
        });
        let fetch = Fetch {
            operation: Arc::clone(&fetch.operation),
            target: Target::Entities(aliases.collect()),
        };
        (Node::Fetch(Arc::new(fetch)), own)
    });
    fetches.collect()
}

fn parts_of_contextual(contextual: &ContextualFetch, demand: &Demand) -> Parts {
    let mut parts = Parts::default();
    if let Some(fetch) = contextual.sizes.first()
        && let Target::Entities(aliases) = &fetch.target
    {
        for alias in aliases {
            for path in &alias.paths {
                parts.add(demand.parts_of_entities(path, alias, fetch));
            }
        }
    }
    parts
}

/// The same field of a fetch for the entities at some of its paths.
fn restricted(alias: &EntityAlias, keeps: &dyn Fn(usize) -> bool) -> EntityAlias {
    let paths = alias.paths.iter().enumerate();
    let paths = paths.filter(|(position, _)| keeps(*position));
    let split = alias.split.iter();
    EntityAlias {
        paths: paths.map(|(_, path)| path.clone()).collect(),
        split: split.map(|node| restricted_node(node, keeps)).collect(),
        ..alias.clone()
    }
}

/// The same for a smaller fetch for some of the fields, whose paths are the same.
fn restricted_node(node: &Node, keeps: &dyn Fn(usize) -> bool) -> Node {
    match node {
        Node::Fetch(fetch) => Node::Fetch(restricted_fetch(fetch, keeps)),
        Node::Contextual(contextual) => {
            let sizes = contextual.sizes.iter();
            Node::Contextual(Box::new(ContextualFetch {
                entities: restricted(&contextual.entities, keeps),
                variables: contextual.variables.clone(),
                sizes: sizes.map(|fetch| restricted_fetch(fetch, keeps)).collect(),
            }))
        }
        Node::Sequence(_) | Node::Parallel(_) => node.clone(),
    }
}

fn restricted_fetch(fetch: &Fetch, keeps: &dyn Fn(usize) -> bool) -> Arc<Fetch> {
    let target = match &fetch.target {
        Target::Entities(aliases) => {
            let aliases = aliases.iter();
            Target::Entities(aliases.map(|alias| restricted(alias, keeps)).collect())
        }
        fields @ Target::Fields { .. } => fields.clone(),
    };
    Arc::new(Fetch {
        operation: Arc::clone(&fetch.operation),
        target,
    })
}
