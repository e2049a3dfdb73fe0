//! The fields that subgraphs need of each other, which the planner fetches under their own names: a client's
//! field that takes such a name for something else has to make room (`prepare/aliases.rs`).

use std::collections::HashSet;

use graphql_tools::static_graphql::query::Field;
use hive_router_planner::state::supergraph_state::SupergraphState;

/// Names in `@key` and `@requires`, of any type.
#[derive(Debug, Default)]
pub(crate) struct RequiredFields {
    names: HashSet<String>,
    /// Those of them that are needed with arguments.
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

    /// Takes in every word of a field set; that arguments and types are among them does no harm.
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

    /// Whether a field that has this response key hides one that is needed.
    pub(crate) fn is_hidden_by(&self, key: &str, field: &Field) -> bool {
        let name = field.name.as_str();
        self.names.contains(key)
            && (key != name || !field.arguments.is_empty() || self.with_arguments.contains(name))
    }
}
