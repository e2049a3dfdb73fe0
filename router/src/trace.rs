//! Spans of an operation for traces, with the names of OpenTelemetry's conventions for GraphQL. The document is left out:
//! it may have literals of a person.

use platform::telemetry::traces;
use tracing::Span;

use crate::error::GraphQLError;
use crate::prepare::PreparedOperation;

/// Bytes of a name that a client may choose freely.
const MAX_NAME: usize = 64;

/// The span of an operation.
pub(crate) fn operation(operation: &PreparedOperation) -> Span {
    tracing::info_span!(
        target: traces::TARGET,
        "operation",
        // The operation's name could be any; as a span's name it would be a group of its own.
        otel.name = operation.kind().name(),
        graphql.operation.type = operation.kind().name(),
        graphql.operation.name = operation.name().map(shortened),
    )
}

/// The span of a stage: parse, validate, plan or execute.
pub(crate) fn stage(name: &'static str) -> Span {
    tracing::info_span!(target: traces::TARGET, "stage", otel.name = name)
}

/// Marks the operation as failed if the graph is to blame for one of the errors.
pub(crate) fn errors(span: &Span, errors: &[GraphQLError]) {
    let mut codes = errors.iter().map(GraphQLError::code);
    if let Some(code) = codes.find(|code| code.is_failure()) {
        traces::fail(span, code.as_str());
    }
}

fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}
