//! Turns errors of subgraphs and transports into errors that clients may see.

use super::representations::Step;
use crate::error::{ErrorCode, GraphQLError, PathSegment};
use crate::prepare::Exceeded;
use crate::prepare::plan::{FetchOperation, Path, Segment};
use crate::request::RequestContext;
use crate::transport::{SubgraphError, TransportError};
use crate::value::{Symbol, Symbols, Value};

/// Which error details clients may see.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorPolicy {
    /// Whether to show the messages of internal errors.
    pub development: bool,
    /// Members of `extensions` that pass through besides `code`.
    pub extension_keys: Vec<String>,
}

impl ErrorPolicy {
    /// The client's version of a subgraph's error, without its path.
    pub(super) fn subgraph_error(
        &self,
        error: &SubgraphError,
        operation: &FetchOperation,
        context: &RequestContext,
    ) -> GraphQLError {
        let code = error.extensions.get("code").and_then(|code| code.as_str());
        let (known, foreign) = match code {
            None | Some("INTERNAL_SERVER_ERROR") => (ErrorCode::Internal, None),
            Some(code) => match ErrorCode::parse(code) {
                Some(known) => (known, None),
                None => (ErrorCode::Internal, Some(code.to_owned())),
            },
        };
        let internal = known == ErrorCode::Internal && foreign.is_none();
        if internal {
            tracing::error!(
                subgraph = &*operation.subgraph,
                request_id = context.request_id,
                message = error.message,
                "subgraph returned an internal error"
            );
        }
        let message = if internal && !self.development {
            "An internal error occurred.".to_owned()
        } else {
            error.message.clone()
        };
        let mut shown = GraphQLError::new(known, message);
        shown.extensions.subgraph_code = foreign;
        for key in &self.extension_keys {
            if let Some(value) = error.extensions.get(key) {
                shown.extensions.other.insert(key.clone(), value.clone());
            }
        }
        shown
    }

    /// The client's version of a failed fetch.
    pub(super) fn transport_error(
        &self,
        error: &TransportError,
        context: &RequestContext,
    ) -> GraphQLError {
        tracing::warn!(request_id = context.request_id, %error, "fetch failed");
        let (code, message) = match error {
            TransportError::OverLimit { limit, allowed } => {
                return over_limit(&Exceeded {
                    limit,
                    allowed: *allowed,
                });
            }
            TransportError::Deadline { .. } => (
                ErrorCode::DeadlineExceeded,
                "This part of the answer took too long.",
            ),
            TransportError::Unavailable { .. }
            | TransportError::Refused { .. }
            | TransportError::Malformed { .. }
            | TransportError::TooLarge { .. } => (
                ErrorCode::SubgraphUnavailable,
                "This part of the answer is not available at the moment.",
            ),
        };
        if self.development {
            GraphQLError::new(code, error.to_string())
        } else {
            GraphQLError::new(code, message)
        }
    }
}

/// The error of a fetch that exceeds the request's limits.
pub(super) fn over_limit(exceeded: &Exceeded) -> GraphQLError {
    metrics::counter!("router_fetches_over_limit_total", "limit" => exceeded.limit).increment(1);
    let mut shown = GraphQLError::new(ErrorCode::OperationTooComplex, exceeded.to_string());
    let other = &mut shown.extensions.other;
    other.insert("limit".to_owned(), exceeded.limit.into());
    shown
}

/// The response keys at the start of a path, up to its first list.
pub(super) fn prefix(path: &Path, symbols: &Symbols) -> Vec<PathSegment> {
    let mut keys = Vec::new();
    for segment in path {
        match segment {
            Segment::Field(key) => keys.push(PathSegment::Key(symbols.name(*key).to_owned())),
            Segment::Type(_) => {}
            Segment::List => break,
        }
    }
    keys
}

/// Joins a position in the data and a subgraph's path, in the client's response keys.
pub(super) fn path(
    steps: &[Step],
    rest: &[PathSegment],
    operation: &FetchOperation,
    symbols: &Symbols,
) -> Vec<PathSegment> {
    let steps = steps.iter().map(|step| match step {
        Step::Key(key) => PathSegment::Key(symbols.name(*key).to_owned()),
        Step::Index(index) => PathSegment::Index(*index as usize),
    });
    let rest = rest.iter().map(|segment| match segment {
        PathSegment::Key(key) => {
            PathSegment::Key(operation.renamed.get(key).unwrap_or(key).clone())
        }
        PathSegment::Index(index) => PathSegment::Index(*index),
    });
    steps.chain(rest).collect()
}

/// The entities that an error under `_entities` refers to, and the path within them. Some subgraphs (async-graphql)
/// omit the index from the path; then the error refers to the entities that lack the value.
pub(super) fn entities<'p>(
    data: &Value,
    key: Symbol,
    path: &'p [PathSegment],
    symbols: &Symbols,
) -> (Vec<usize>, &'p [PathSegment]) {
    if let [PathSegment::Index(index), rest @ ..] = path {
        return (vec![*index], rest);
    }
    let list = match data {
        Value::Object(object) => object.get(key),
        _ => None,
    };
    let Some(Value::List(entities)) = list else {
        return (Vec::new(), path);
    };
    let lacking = entities
        .iter()
        .enumerate()
        .filter(|(_, entity)| lacks(entity, path, symbols))
        .map(|(index, _)| index)
        .collect();
    (lacking, path)
}

fn lacks(value: &Value, path: &[PathSegment], symbols: &Symbols) -> bool {
    match (value, path) {
        (Value::Null, _) => true,
        (Value::Object(object), [PathSegment::Key(key), rest @ ..]) => object
            .get(symbols.find(key))
            .is_none_or(|value| lacks(value, rest, symbols)),
        (Value::List(items), [PathSegment::Index(index), rest @ ..]) => items
            .get(*index)
            .is_none_or(|value| lacks(value, rest, symbols)),
        _ => false,
    }
}
