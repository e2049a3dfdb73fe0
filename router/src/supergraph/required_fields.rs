//! The fields that subgraphs require of each other. The planner fetches them under their own names, so a client's field
//! that uses such a name for something else has to be renamed (`prepare/aliases.rs`).

use std::collections::HashSet;

use graphql_tools::static_graphql::query::Field;
use hive_router_planner::state::supergraph_state::SupergraphState;

/// Names in `@key` and `@requires`, of any type.
#[derive(Debug, Default)]
pub(crate) struct RequiredFields {
    names: HashSet<String>,
    /// Those required with arguments.
    with_arguments: HashSet<String>,
}

impl RequiredFields {
    pub(super) fn of(supergraph: &SupergraphState) -> Self {
        let mut needed = Self::default();
        for definition in supergraph.definitions.values() {
            for join in definition.join_types() {
                needed.add(join.key.as_deref().unwrap_or_default());
            }
            for field in definition.fields().values() {
                for join in &field.join_field {
                    needed.add(join.requires.as_deref().unwrap_or_default());
                }
            }
        }
        needed
    }

    /// Adds every word of a field set; including arguments and types does no harm.
    fn add(&mut self, fields: &str) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut rest = fields;
        while let Some(start) = rest.find(is_word) {
            rest = &rest[start..];
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            self.names.insert(name.to_owned());
            if after.trim_start().starts_with('(') {
                self.with_arguments.insert(name.to_owned());
            }
            rest = after;
        }
    }

    /// Whether a field with this response key hides a required one.
    pub(crate) fn is_hidden_by(&self, key: &str, field: &Field) -> bool {
        let name = field.name.as_str();
        self.names.contains(key)
            && (key != name || !field.arguments.is_empty() || self.with_arguments.contains(name))
    }
}
