//! From a document to something that can be executed. All of it is done once for a document and kept, in this order:
//!
//! 1. `limits/tokens`: what can be counted without a tree
//! 2. `lexer`, `parser`: the tree
//! 3. `limits/selections`, `limits/overlaps`: what its fragments come to, and what validation would compare
//! 4. `numbers`: literals as their types read them
//! 5. `validation`, `suggestions`: the specification's rules
//! 6. `aliases`: names that plans need for themselves
//! 7. `limits/cost`: what it may cost; with its `variables`, what it does cost
//! 8. `prune`: without what is refused or skipped
//! 9. `planning`, `mutation`: the fetches that answer it
//! 10. `compile`, with `repair`, `requires`, `split_requires` and `duplicate_fetches`: what the executor runs
//!
//! `document` does 1 to 5, `prepared_operation` the rest; `cache` keeps operations.

pub(crate) mod plan;

mod aliases;
mod cache;
mod compile;
mod context;
mod document;
mod duplicate_fetches;
pub(crate) mod lexer;
mod limits;
mod mutation;
mod numbers;
#[cfg(test)]
mod oracle;
mod outline;
mod parser;
mod planning;
mod prepared_operation;
mod prune;
mod repair;
mod requires;
mod split_requires;
mod suggestions;
mod text;
mod validation;
mod values;
mod variables;

use std::collections::HashSet;
use std::sync::Arc;

pub(crate) use aliases::Aliases;
pub(crate) use cache::OperationCache;
pub(crate) use document::{operation, root_type};
pub(crate) use limits::Exceeded;
pub use limits::OperationLimits;
pub(crate) use limits::cost::shown as shown_cost;
pub(crate) use outline::{OutlineError, outline};
pub(crate) use parser::{ParseError, parse, parse_type_system};
pub use prepared_operation::{OperationKind, PreparedOperation};
pub(crate) use prepared_operation::{Variant, VariantLookup};
pub(crate) use validation::plan as validation_plan;
pub(crate) use variables::{Variables, literal};

/// What preparing depends on besides the document and the schema.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    pub limits: OperationLimits,
    /// Keeps plans in the form that `extensions.queryPlan` shows.
    pub keep_plan: bool,
    /// The labels of `@override` that are on.
    pub override_labels: Arc<HashSet<String>>,
    /// Tells what names are close to unknown ones.
    pub suggestions: bool,
}
