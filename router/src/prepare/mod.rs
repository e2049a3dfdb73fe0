//! Prepares a document for execution. Each document is prepared once and cached, in these steps:
//!
//! 1. `limits/tokens`: limits that need no syntax tree
//! 2. `lexer`, `parser`: the syntax tree
//! 3. `limits/selections`, `limits/overlaps`: expanded size, and the work of validation
//! 4. `numbers`: number literals, by type
//! 5. `validation`, `suggestions`: the specification's rules
//! 6. `aliases`: names that plans need for themselves
//! 7. `limits/cost`: the possible cost; with `variables`, the actual cost
//! 8. `prune`: removes what is denied or skipped
//! 9. `planning`, `mutation`: the fetches that answer it
//! 10. `compile`, with `repair`, `requires`, `split_requires` and `duplicate_fetches`: the executable plan
//! 11. `deferred`: which parts of the response wait for which fetches
//!
//! `document` does steps 1 to 5, `prepared_operation` the rest; `cache` keeps operations.

pub(crate) mod plan;

mod aliases;
mod cache;
mod compile;
mod context;
pub(crate) mod deferred;
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
mod usual_duration;
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
pub(crate) use numbers::digits as digits_of;
pub(crate) use outline::{OutlineError, outline};
pub(crate) use parser::{ParseError, ParsedDocument, parse, parse_type_system};
#[cfg(test)]
pub(crate) use planning::plan_document;
pub use prepared_operation::{OperationKind, PreparedOperation};
pub(crate) use prepared_operation::{Variant, VariantLookup};
#[cfg(test)]
pub(crate) use usual_duration::UsualDuration;
pub(crate) use validation::plan as validation_plan;
pub(crate) use variables::{Variables, literal};

/// What preparation depends on besides the document and the schema.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    pub limits: OperationLimits,
    /// Keeps plans in the form shown in `extensions.queryPlan`.
    pub keep_plan: bool,
    /// The labels of `@override` that are on.
    pub override_labels: Arc<HashSet<String>>,
    /// Suggests names close to unknown ones.
    pub suggestions: bool,
}
