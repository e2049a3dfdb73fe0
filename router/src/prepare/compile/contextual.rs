//! Compiles entity fetches with arguments from contexts.

use std::sync::Arc;

use hive_router_planner::planner::plan_nodes::planning::{BatchFetchNode, FetchNode};
use hive_router_planner::planner::plan_nodes::{FetchContext, FetchNodePathSegment};

use super::rewrites::renames;
use super::{Compiler, OwnVariables};
use crate::prepare::plan::{
    ContextSource, ContextVariable, ContextualFetch, EntityAlias, Fetch, Node, Target,
};
use crate::prepare::{OperationKind, context};

impl Compiler<'_> {
    pub(super) fn contextual(
        &mut self,
        node: &FetchNode,
        entities: EntityAlias,
    ) -> Result<Node, String> {
        let output_rewrites = node.output_rewrites.as_deref().unwrap_or_default();
        let mut sizes = Vec::new();
        for grouped in context::grouped(node, self.batched_entities) {
            let mut aliases = Vec::new();
            for (representations, key) in grouped.keys.iter().enumerate() {
                aliases.push(EntityAlias {
                    key: self.symbols.intern(key),
                    representations,
                    paths: entities.paths.clone(),
                    requires: Arc::clone(&entities.requires),
                    unless: entities.unless.clone(),
                    split: Vec::new(),
                    input_rewrites: Vec::new(),
                    output_rewrites: self.rewrites(output_rewrites)?,
                });
            }
            let operation = self.operation(
                node.service_name.clone(),
                OperationKind::Query,
                grouped.operation,
                node.variable_usages.iter().flatten().cloned().collect(),
                OwnVariables {
                    representations: grouped.representations,
                    context: grouped.context,
                },
                renames(output_rewrites.iter()),
            );
            sizes.push(Arc::new(Fetch {
                operation,
                target: Target::Entities(aliases),
            }));
        }
        let variables = context::variables(node).into_iter();
        Ok(Node::Contextual(Box::new(ContextualFetch {
            variables: variables
                .map(|name| self.context_variable(node, &name))
                .collect::<Result<_, _>>()?,
            entities,
            sizes,
        })))
    }

    pub(super) fn context_variable(
        &mut self,
        node: &FetchNode,
        name: &str,
    ) -> Result<ContextVariable, String> {
        let rewrites = FetchContext::rewrites(&node.context).unwrap_or_default();
        let rewrites = rewrites.iter();
        let sources = rewrites
            .filter(|rewrite| rewrite.rename_key_to == name)
            .map(|rewrite| {
                let (levels, path) = context::levels(rewrite);
                let (path, is_typename) = match path {
                    [path @ .., FetchNodePathSegment::Key(key)] if key == "__typename" => {
                        (path, true)
                    }
                    path => (path, false),
                };
                let path = self.rewrite_path(path)?;
                Ok(ContextSource {
                    levels,
                    path,
                    is_typename,
                })
            });
        Ok(ContextVariable {
            sources: sources.collect::<Result<_, String>>()?,
        })
    }

    /// Compiles a batch whose entities have different contexts: each of its fields becomes a fetch.
    pub(super) fn contextual_batch(&mut self, node: &BatchFetchNode) -> Result<Node, String> {
        let fetches = context::separated(node).ok_or("a batch without one of its fields")?;
        let mut nodes = Vec::new();
        for (fetch, alias) in fetches.into_iter().zip(&node.entity_batch.aliases) {
            let paths = alias.merge_paths.iter();
            let paths = paths.map(|path| self.path(path)).collect();
            let apart = self.split_requires(&fetch, "_entities");
            nodes.push(self.entities(fetch, paths, None, apart)?);
        }
        Ok(Node::Parallel(nodes))
    }
}
