//! The cost of an operation, limited before planning. A document is compiled once, up to its variables; objects, lists
//! and arguments count as in the cost specification.

mod compile;
mod evaluate;

use std::fmt;
use std::sync::Arc;

use graphql_tools::static_graphql::query::{Document, Value as Literal};
use serde_json::Value;

use crate::error::{ErrorCode, GraphQLError};
use crate::prepare::document::{operation, root_type};
use crate::prepare::variables::Variables;
use crate::response::GraphQLResponse;
use crate::supergraph::{Costs, Supergraph};
use compile::Compiler;
use evaluate::Evaluation;

/// The cost of a mutation, in addition to its fields.
const MUTATION: f64 = 10.0;

/// A document's cost as a function of its variables.
#[derive(Debug)]
pub(in crate::prepare) struct OperationCost {
    base: f64,
    selection: Fields,
}

/// The fields of an object that have a cost.
#[derive(Debug, Default)]
struct Fields {
    always: Vec<Node>,
    /// Fields that only some of the possible types have.
    sometimes: Vec<Node>,
    /// Which of these a type has, for each combination that occurs.
    cases: Vec<Vec<usize>>,
}

#[derive(Debug)]
struct Node {
    /// Variables of `@skip` and `@include`, and their required values.
    conditions: Vec<(String, bool)>,
    /// The list's size; `None`: not a list.
    size: Option<Arc<Size>>,
    /// The slicing arguments to check, where the size applies to other fields than this one.
    slicing: Option<Arc<Size>>,
    weight: f64,
    arguments: Vec<Argument>,
    selection: Fields,
}

#[derive(Debug)]
struct Argument {
    value: Literal,
    type_name: String,
    weight: Option<f64>,
}

#[derive(Debug)]
struct Size {
    /// Values of slicing arguments.
    slices: Vec<Slice>,
    assumed: f64,
    /// Set if exactly one slicing argument is required: the field and its arguments.
    one_of: Option<(String, String)>,
}

#[derive(Debug)]
enum Slice {
    Number(f64),
    Variable {
        name: String,
        path: Vec<String>,
        /// The argument's default if the variable is absent.
        default: Option<f64>,
    },
}

/// The operation does not have exactly one of the slicing arguments a field requires.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::prepare) struct NotOne {
    field: String,
    arguments: String,
    found: usize,
}

impl fmt::Display for NotOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            arguments,
            found,
        } = self;
        write!(
            f,
            "Field \"{field}\" needs exactly one of the arguments {arguments}, not {found}."
        )
    }
}

impl OperationCost {
    /// Compiles a valid document. `list_size` is the assumed length of lists of unknown size.
    pub(in crate::prepare) fn compile(
        document: &Document,
        supergraph: &Supergraph,
        list_size: usize,
    ) -> Self {
        let Some(operation) = operation(document) else {
            return Self {
                base: 0.0,
                selection: Fields::default(),
            };
        };
        let root = root_type(operation, supergraph);
        let is_mutation = supergraph.schema.mutation.as_deref() == Some(root);
        let compiler = Compiler::new(document, supergraph, list_size);
        Self {
            base: if is_mutation { MUTATION } else { 0.0 },
            selection: compiler.selection(&[operation.selection_set()], root, &[]),
        }
    }

    /// The cost with these coerced variables.
    pub(in crate::prepare) fn of(
        &self,
        costs: &Costs,
        variables: &Variables,
    ) -> Result<f64, NotOne> {
        let mut evaluation = Evaluation::new(costs, variables);
        Ok(self.base + evaluation.selection(&self.selection)?)
    }
}

/// The response that rejects a cost.
pub(in crate::prepare) fn too_expensive(cost: f64, limit: usize) -> GraphQLResponse {
    let message = format!(
        "The operation costs {}, and at most {limit} is allowed.",
        figure(cost)
    );
    let mut error = GraphQLError::new(ErrorCode::OperationTooComplex, message);
    let other = &mut error.extensions.other;
    other.insert("cost".to_owned(), figure(cost));
    other.insert("limit".to_owned(), limit.into());
    GraphQLResponse::request_error(vec![error])
}

/// An operation's cost and limit, as shown to its client.
pub(crate) fn shown(cost: f64, limit: usize) -> Value {
    serde_json::json!({ "estimated": figure(cost), "limit": limit })
}

/// A cost as shown to clients, who mostly see whole numbers.
fn figure(cost: f64) -> Value {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    let cost = cost.min(LARGEST);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 2^53"
    )]
    if cost.fract() == 0.0 {
        Value::from(cost as u64)
    } else {
        Value::from(cost)
    }
}

#[expect(clippy::cast_precision_loss, reason = "lists are far shorter")]
pub(in crate::prepare) fn as_f64(size: usize) -> f64 {
    size as f64
}

impl Fields {
    fn is_empty(&self) -> bool {
        self.always.is_empty() && self.sometimes.is_empty()
    }
}

#[cfg(test)]
mod tests;
