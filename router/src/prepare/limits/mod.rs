//! Limits on a document before planning and on its response, and which one was exceeded.

pub(super) mod cost;
pub(super) mod overlaps;
pub(super) mod selections;
pub(super) mod tokens;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of an operation. The defaults exceed what storefronts need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperationLimits {
    /// Bytes of the document. Variables are bounded by the body size only.
    pub document_bytes: usize,
    /// Tokens of the document.
    pub tokens: usize,
    /// Levels of fields after spreading fragments. The parser accepts at most 50 levels of brackets, whatever is
    /// allowed here.
    pub depth: usize,
    /// Fields, counting every fragment wherever it is spread.
    pub fields: usize,
    /// Aliases in the document.
    pub aliases: usize,
    /// Root fields, including those in fragments.
    pub root_fields: usize,
    /// Directives in the document.
    pub directives: usize,
    /// How often one response key may appear in one selection.
    pub repeated_fields: usize,
    /// Pairs of fields and of fragments at the same position of the response that validation has to compare, plus the
    /// fields themselves.
    pub comparisons: usize,
    /// How often introspection may go from a type to its list of fields, interfaces or members.
    pub introspection_depth: usize,
    /// Values in the variables, including those in lists and objects.
    pub variable_values: usize,
    /// Time limit for planning, in milliseconds.
    pub planning_ms: u64,
    /// Fields directly in a mutation, after spreading fragments.
    pub root_mutations: usize,
    /// Maximum cost of an operation, checked before planning: 1 for each object, 10 for a mutation, multiplied for a
    /// list by its `first` or `last` or its `@listSize`; `@cost` overrides this.
    pub cost: usize,
    /// Maximum total cost of concurrently running operations; those below 1,000 always run.
    pub concurrent_cost: usize,
    /// Assumed length of lists for which neither arguments nor `@listSize` give one.
    pub list_size: usize,
    /// Maximum number of objects in the subgraphs' responses, counted at every position in the data.
    pub entities: usize,
    /// Maximum memory of all subgraph responses, in bytes.
    pub response_bytes: usize,
    /// `_entities` fields (one alias each) in one request to a subgraph. More are sent as several requests in parallel.
    pub batched_entities: usize,
}

impl Default for OperationLimits {
    fn default() -> Self {
        Self {
            document_bytes: 256 * 1024,
            tokens: 8_000,
            depth: 30,
            fields: 5_000,
            aliases: 100,
            root_fields: 20,
            directives: 200,
            repeated_fields: 50,
            comparisons: 100_000,
            introspection_depth: 2,
            variable_values: 50_000,
            planning_ms: 2_000,
            root_mutations: 10,
            cost: 50_000,
            concurrent_cost: 100_000,
            list_size: 10,
            entities: 50_000,
            response_bytes: 32 * 1024 * 1024,
            batched_entities: 20,
        }
    }
}

/// A limit that a document exceeds. Displays as the message for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The limit's name in the configuration.
    pub limit: &'static str,
    pub allowed: usize,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, allowed } = self;
        write!(f, "The operation exceeds the limit `{limit}` of {allowed}.")
    }
}

pub(super) fn at_most(limit: &'static str, found: usize, allowed: usize) -> Result<(), Exceeded> {
    if found > allowed {
        return Err(Exceeded { limit, allowed });
    }
    Ok(())
}
