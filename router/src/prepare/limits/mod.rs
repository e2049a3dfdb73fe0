//! What a document may be before anything is planned for it, what its answer may come to, and which limit one exceeds.

pub(super) mod cost;
pub(super) mod overlaps;
pub(super) mod selections;
pub(super) mod tokens;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of an operation. The defaults are beyond what storefronts write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperationLimits {
    /// Bytes of the document. Variables are bounded by the body alone.
    pub document_bytes: usize,
    /// Words and signs of the document.
    pub tokens: usize,
    /// Levels of fields, fragments spread. The parser follows no more than 50 levels of brackets, whatever is
    /// allowed here.
    pub depth: usize,
    /// Fields, every fragment counted at each place it is spread.
    pub fields: usize,
    /// Aliases in the document.
    pub aliases: usize,
    /// Fields and fragments directly in the operation.
    pub root_fields: usize,
    /// Directives in the document.
    pub directives: usize,
    /// How often one response key may be written in one selection.
    pub repeated_fields: usize,
    /// Pairs of fields and of fragments that are written for the same place of the answer and have to be
    /// compared, besides the fields themselves.
    pub comparisons: usize,
    /// How often an introspection may go from a type to the list of its fields, interfaces or members.
    pub introspection_depth: usize,
    /// Values in the variables, with those inside lists and objects.
    pub variable_values: usize,
    /// How long the planner may think, in milliseconds.
    pub planning_ms: u64,
    /// Fields directly in a mutation, fragments spread.
    pub root_mutations: usize,
    /// What an operation may cost before it is planned: 1 for each object, 10 for a mutation, as many for a list as its
    /// `first` or `last` or its `@listSize` says; `@cost` says otherwise.
    pub cost: usize,
    /// What the operations that run at the same time may cost together; those of less than 1,000 run in any case.
    pub concurrent_cost: usize,
    /// How long a list is assumed to be that neither its arguments nor `@listSize` say anything of.
    pub list_size: usize,
    /// Objects that the answers of subgraphs may come to, each counted at every place where it is in the data.
    pub entities: usize,
    /// Bytes that the answers of subgraphs may take in memory together.
    pub response_bytes: usize,
    /// `_entities` fields in one request to a subgraph, which gives each of them an alias. What needs more is sent as
    /// several requests at the same time.
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

/// A limit that a document exceeds. It displays as what clients are told.
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
