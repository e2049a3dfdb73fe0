//! Errors: the codes and shapes that clients see, and the ways building a router can fail.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// `extensions.code` of a top-level error. The router itself uses no other codes. GraphQL clients know the names that
/// begin with `GRAPHQL_` or `PERSISTED_QUERY_`, and `QUERY_NOT_IN_SAFELIST`, `OPERATION_RESOLUTION_FAILURE` and
/// `BATCHING_NOT_SUPPORTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    Unauthenticated,
    Forbidden,
    /// The document is not GraphQL.
    GraphQLParseFailed,
    /// The document is not valid against the schema.
    GraphQLValidationFailed,
    /// The document has no operation of the given name, or has several and none is named.
    OperationResolutionFailure,
    /// A variable has an invalid value, or the request is malformed.
    BadUserInput,
    /// One body contains several requests.
    BatchingNotSupported,
    NotFound,
    Conflict,
    RateLimited,
    OperationTooComplex,
    /// The document's id is unknown; the client should send the document.
    PersistedQueryNotFound,
    /// Only registered documents may be referenced by hash.
    PersistedQueryNotSupported,
    /// The document does not match the id sent with it.
    PersistedQueryHashMismatch,
    /// The client may only run registered operations, and the request has neither an id nor a document.
    PersistedQueryIdRequired,
    /// The client may only run registered operations, and this is not one.
    QueryNotInSafelist,
    SubgraphUnavailable,
    DeadlineExceeded,
    /// The schema was replaced, and a live subscription is not valid against the new one.
    SchemaChanged,
    /// The feature behind a live subscription was switched off.
    FeatureDisabled,
    Internal,
}

impl ErrorCode {
    pub const ALL: [Self; 21] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::GraphQLParseFailed,
        Self::GraphQLValidationFailed,
        Self::OperationResolutionFailure,
        Self::BadUserInput,
        Self::BatchingNotSupported,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimited,
        Self::OperationTooComplex,
        Self::PersistedQueryNotFound,
        Self::PersistedQueryNotSupported,
        Self::PersistedQueryHashMismatch,
        Self::PersistedQueryIdRequired,
        Self::QueryNotInSafelist,
        Self::SubgraphUnavailable,
        Self::DeadlineExceeded,
        Self::SchemaChanged,
        Self::FeatureDisabled,
        Self::Internal,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::GraphQLParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::GraphQLValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::OperationResolutionFailure => "OPERATION_RESOLUTION_FAILURE",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::BatchingNotSupported => "BATCHING_NOT_SUPPORTED",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::RateLimited => "RATE_LIMITED",
            Self::OperationTooComplex => "OPERATION_TOO_COMPLEX",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::PersistedQueryHashMismatch => "PERSISTED_QUERY_HASH_MISMATCH",
            Self::PersistedQueryIdRequired => "PERSISTED_QUERY_ID_REQUIRED",
            Self::QueryNotInSafelist => "QUERY_NOT_IN_SAFELIST",
            Self::SubgraphUnavailable => "SUBGRAPH_UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::SchemaChanged => "SCHEMA_CHANGED",
            Self::FeatureDisabled => "FEATURE_DISABLED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Parses one of our codes.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == code)
    }
}

/// One step of an error's path: a response key (or alias) or a list index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathSegment {
    Key(String),
    Index(usize),
}

/// A position in the client's document; line and column count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

/// An entry of a response's `errors`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphQLError {
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathSegment>,
    #[serde(serialize_with = "with_code")]
    pub extensions: Extensions,
}

/// An error's `extensions`: its code and other public members.
#[derive(Clone, Debug, PartialEq)]
pub struct Extensions {
    pub code: ErrorCode,
    /// A subgraph's code that is not one of ours; shown to clients instead of `code`.
    pub subgraph_code: Option<String>,
    pub other: Map<String, Value>,
}

fn with_code<S: Serializer>(extensions: &Extensions, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(None)?;
    let code = extensions.subgraph_code.as_deref();
    map.serialize_entry("code", code.unwrap_or(extensions.code.as_str()))?;
    for (key, value) in &extensions.other {
        map.serialize_entry(key, value)?;
    }
    map.end()
}

impl GraphQLError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            locations: Vec::new(),
            path: Vec::new(),
            extensions: Extensions {
                code,
                subgraph_code: None,
                other: Map::new(),
            },
        }
    }

    pub fn at(mut self, path: Vec<PathSegment>) -> Self {
        self.path = path;
        self
    }

    pub fn located(mut self, line: usize, column: usize) -> Self {
        self.locations.push(Location { line, column });
        self
    }

    pub fn code(&self) -> ErrorCode {
        self.extensions.code
    }
}

/// Shows the message and the position in the document.
impl fmt::Display for GraphQLError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.locations.first() {
            Some(place) => write!(f, " (line {}, column {})", place.line, place.column),
            None => Ok(()),
        }
    }
}

/// Why a [`Router`](crate::Router) could not be built.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    #[error("a router needs either subgraphs or a supergraph, and not both")]
    NoSchema,
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("the supergraph is not valid SDL: {0}")]
    SupergraphSyntax(String),
    #[error(
        "this is a schema without subgraphs: a supergraph is the result of composition, with an enum `join__Graph` of names and URLs"
    )]
    NoSubgraphs,
    #[error(
        "the supergraph needs the feature `{feature}` ({url}), which is not implemented: {reason}"
    )]
    UnsupportedFeature {
        feature: String,
        url: String,
        reason: String,
    },
    #[error("the query planner rejects the supergraph: {0}")]
    Planner(String),
    #[error("a transport was given for the subgraph `{0}`, which is not in the supergraph")]
    UnknownSubgraph(String),
    #[error("subgraph `{subgraph}` has no transport and its URL `{url}` cannot be used: {reason}")]
    Transport {
        subgraph: String,
        url: String,
        reason: String,
    },
}

/// Composition failed. Lists every diagnostic, one per line.
#[derive(Debug, thiserror::Error)]
#[error("the subgraphs do not compose:{}", .diagnostics.iter().map(|line| format!("\n  - {line}")).collect::<String>())]
pub struct ComposeError {
    pub diagnostics: Vec<String>,
}
