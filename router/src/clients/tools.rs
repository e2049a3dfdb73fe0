//! Which of a client's operations are tools for agents.

use std::collections::HashSet;
use std::sync::Arc;

use super::config::ToolsConfig;
use super::operation::{RegisteredOperation, RegisteredOperations};
use crate::prepare::OperationKind;

/// The longest name that the Model Context Protocol allows.
const MAX_NAME: usize = 128;

/// The client's queries, and the mutations that are named.
///
/// # Errors
/// The first name that is missing, too long, used twice or unknown.
pub(super) fn select(
    config: &ToolsConfig,
    operations: &RegisteredOperations,
) -> Result<Vec<Arc<RegisteredOperation>>, String> {
    let is_tool = |operation: &&Arc<RegisteredOperation>| match operation.kind {
        OperationKind::Query => true,
        OperationKind::Mutation => config.mutations.contains(&operation.name),
        OperationKind::Subscription => false,
    };
    let tools: Vec<_> = operations.iter().filter(is_tool).cloned().collect();
    let mut names = HashSet::new();
    for tool in &tools {
        let name = &tool.name;
        if !tool.is_named {
            return Err(format!(
                "tools: operation `{name}` has no name, which a tool needs"
            ));
        }
        if name.len() > MAX_NAME {
            return Err(format!(
                "tools: the name `{name}` has more than {MAX_NAME} characters, and cannot be a tool's"
            ));
        }
        if !names.insert(name) {
            return Err(format!(
                "tools: two operations are named `{name}`, and tools need different names"
            ));
        }
    }
    let is_mutation = |name: &&String| {
        let mut mutations = tools
            .iter()
            .filter(|tool| tool.kind == OperationKind::Mutation);
        mutations.any(|tool| tool.name == **name)
    };
    match config.mutations.iter().find(|name| !is_mutation(name)) {
        Some(unknown) => Err(format!(
            "tools.mutations: none of its mutations is named `{unknown}`"
        )),
        None => Ok(tools),
    }
}
