//! Which parts of a response a fetch contributes to: those that select one of its fields, and those of the fetches that
//! build on it.

use hive_router_planner::state::supergraph_state::SupergraphDefinition;

use crate::prepare::OperationKind;
use crate::prepare::plan::{
    Change, ContextSource, ContextualFetch, EntityAlias, Fetch, Node, Path, Requires, Rewrite,
    RewriteSegment, Segment, Target,
};
use crate::project::{Parts, RequestedKeys};
use crate::supergraph::Supergraph;
use crate::value::{Shape, Symbol};

/// What the parts need of the data, with what the fetches need that have been visited.
pub(super) struct Demand {
    requested: RequestedKeys,
    /// Whether some subgraph knows an interface only, so that an object's type may come from another fetch than the
    /// object.
    has_interface_objects: bool,
}

impl Demand {
    pub(super) fn new(requested: RequestedKeys, supergraph: &Supergraph) -> Self {
        let definitions = supergraph.planner.supergraph.definitions.values();
        let mut joins = definitions.flat_map(SupergraphDefinition::join_types);
        Self {
            requested,
            has_interface_objects: joins.any(|join| join.is_interface_object),
        }
    }

    /// The parts that a fetch of fields has data for.
    pub(super) fn parts_of_fields(
        &self,
        path: &Path,
        fetch: &Fetch,
        rewrites: &[Rewrite],
    ) -> Parts {
        let mut parts = self.parts_with(path, &fetch.operation.shape, rewrites);
        if fetch.operation.kind == OperationKind::Mutation || parts.is_empty() {
            parts.add(Parts::INITIAL);
        }
        parts
    }

    /// The parts that a field of a fetch has data for, with the entities at a path. What nobody seems to need belongs to
    /// the initial part.
    pub(super) fn parts_of_entities(
        &self,
        path: &Path,
        entities: &EntityAlias,
        fetch: &Fetch,
    ) -> Parts {
        let shape = fetch.operation.shape.below(entities.key);
        let parts = shape.map(|shape| self.parts_with(path, shape, &entities.output_rewrites));
        let parts = parts.filter(|parts| !parts.is_empty());
        parts.unwrap_or(Parts::INITIAL)
    }

    /// The parts that want one of the keys that a fetch adds to the objects at a path.
    fn parts_with(&self, path: &Path, shape: &Shape, rewrites: &[Rewrite]) -> Parts {
        let mut parts = Parts::default();
        let mut objects = Some(&self.requested);
        for key in keys(path) {
            objects = objects.and_then(|requested| requested.below(key));
        }
        let Some(objects) = objects else {
            return parts;
        };
        for key in shape.symbols() {
            parts.add(objects.parts_with(key));
        }
        for rewrite in rewrites {
            if let Change::Rename(_, key) = &rewrite.change {
                parts.add(objects.parts_with(*key));
            }
        }
        if self.has_interface_objects && shape.has_typename() {
            parts.add(objects.parts());
        }
        parts
    }

    /// Adds what a fetch for these parts needs of the data.
    pub(super) fn require(&mut self, node: &Node, parts: Parts) {
        match node {
            Node::Fetch(fetch) => match &fetch.target {
                Target::Fields { path, .. } => {
                    self.request(keys(path), parts);
                }
                Target::Entities(aliases) => {
                    for alias in aliases {
                        self.require_entities(alias, parts);
                    }
                }
            },
            Node::Contextual(contextual) => {
                self.require_entities(&contextual.entities, parts);
                self.require_contexts(contextual, parts);
            }
            Node::Sequence(_) | Node::Parallel(_) => {}
        }
    }

    fn require_entities(&mut self, entities: &EntityAlias, parts: Parts) {
        for path in &entities.paths {
            let objects = self.request(keys(path), parts);
            require_fields(objects, &entities.requires, parts);
        }
    }

    /// Adds the fields of ancestors that arguments come from.
    fn require_contexts(&mut self, contextual: &ContextualFetch, parts: Parts) {
        let variables = contextual.variables.iter();
        let sources: Vec<&ContextSource> = variables.flat_map(|it| &it.sources).collect();
        for path in &contextual.entities.paths {
            let path: Vec<Symbol> = keys(path).collect();
            for source in &sources {
                let above = path.len().saturating_sub(source.levels);
                let below = source.path.iter().filter_map(|segment| match segment {
                    RewriteSegment::Key(key) => Some(*key),
                    RewriteSegment::Type(_) => None,
                });
                self.request(path[..above].iter().copied().chain(below), parts);
            }
        }
    }

    fn request(&mut self, path: impl Iterator<Item = Symbol>, parts: Parts) -> &mut RequestedKeys {
        path.fold(&mut self.requested, |objects, key| objects.add(key, parts))
    }
}

fn require_fields(objects: &mut RequestedKeys, requires: &Requires, parts: Parts) {
    for field in &requires.fields {
        // It has one of these names in the data.
        for key in [field.source, field.key] {
            let inner = objects.add(key, parts);
            if let Some(requires) = &field.inner {
                require_fields(inner, requires, parts);
            }
        }
    }
    for (_, requires) in &requires.fragments {
        require_fields(objects, requires, parts);
    }
}

/// The response keys of a path.
fn keys(path: &Path) -> impl Iterator<Item = Symbol> {
    path.iter().filter_map(|segment| match segment {
        Segment::Field(key) => Some(*key),
        Segment::List | Segment::Type(_) => None,
    })
}
