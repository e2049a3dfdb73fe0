//! Marks fetches of a plan that may turn out to be identical; the executor compares only these.

use std::collections::HashMap;
use std::sync::Arc;

use super::OperationKind;
use super::plan::{Fetch, Node};

/// Numbers the documents that several queries of the plan send to the same subgraph.
pub(super) fn mark(root: &mut Node) {
    let mut fetches = Vec::new();
    collect(root, &mut fetches);
    let mut groups: HashMap<(Arc<str>, String), Vec<&mut Fetch>> = HashMap::new();
    for fetch in fetches {
        if fetch.operation.kind == OperationKind::Query {
            let operation = &fetch.operation;
            let key = (Arc::clone(&operation.subgraph), operation.text.clone());
            groups.entry(key).or_default().push(fetch);
        }
    }
    let groups = groups.into_values().filter(|group| group.len() > 1);
    for (number, group) in groups.enumerate() {
        for fetch in group {
            // Nothing else references a plan that is being compiled.
            if let Some(operation) = Arc::get_mut(&mut fetch.operation) {
                operation.duplicate_group = Some(number);
            }
        }
    }
}

fn collect<'n>(node: &'n mut Node, fetches: &mut Vec<&'n mut Fetch>) {
    match node {
        Node::Fetch(fetch) => fetches.extend(Arc::get_mut(fetch)),
        // Their inputs are hardly ever the same.
        Node::Contextual(_) => {}
        Node::Sequence(nodes) | Node::Parallel(nodes) => {
            for node in nodes {
                collect(node, fetches);
            }
        }
    }
}
