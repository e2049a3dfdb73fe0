//! Codes of errors, as clients see them: the ones of the graph, and how other closed sets of them are made.

/// An enumeration of codes, each with its name on the wire, in one place.
#[macro_export]
macro_rules! error_codes {
    (
        $(#[$of_enum:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$of_variant:meta])* $variant:ident = $code:literal,)*
        }
    ) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visibility enum $name {
            $($(#[$of_variant])* $variant,)*
        }

        impl $name {
            $visibility const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As clients see it.
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }
        }
    };
}

error_codes! {
    /// `extensions.code` of an error of the graph, of the router and its subgraphs alike. The names that begin with `GRAPHQL_`
    /// or `PERSISTED_QUERY_`, `QUERY_NOT_IN_SAFELIST`, `OPERATION_RESOLUTION_FAILURE` and `BATCHING_NOT_SUPPORTED` are those
    /// that GraphQL clients know. `docs/errors.md` explains each.
    pub enum ErrorCode {
        Unauthenticated = "UNAUTHENTICATED",
        Forbidden = "FORBIDDEN",
        /// The document is not GraphQL.
        GraphQLParseFailed = "GRAPHQL_PARSE_FAILED",
        /// The document does not fit the schema.
        GraphQLValidationFailed = "GRAPHQL_VALIDATION_FAILED",
        /// The document has no operation of the given name, or several and none is named.
        OperationResolutionFailure = "OPERATION_RESOLUTION_FAILURE",
        /// A variable does not fit, or the request is malformed.
        BadUserInput = "BAD_USER_INPUT",
        /// Several requests in one body.
        BatchingNotSupported = "BATCHING_NOT_SUPPORTED",
        NotFound = "NOT_FOUND",
        Conflict = "CONFLICT",
        RateLimited = "RATE_LIMITED",
        /// It costs more, or would resolve more, than a request may.
        OperationTooComplex = "OPERATION_TOO_COMPLEX",
        /// A document is named by an id that is not known here; the client should send it.
        PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND",
        /// Documents cannot be named by a hash here unless they are registered.
        PersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED",
        /// A document is not the one whose id comes with it.
        PersistedQueryHashMismatch = "PERSISTED_QUERY_HASH_MISMATCH",
        /// The client runs registered operations only, and the request has neither an id nor a document.
        PersistedQueryIdRequired = "PERSISTED_QUERY_ID_REQUIRED",
        /// The client runs registered operations only, and this is none.
        QueryNotInSafelist = "QUERY_NOT_IN_SAFELIST",
        SubgraphUnavailable = "SUBGRAPH_UNAVAILABLE",
        DeadlineExceeded = "DEADLINE_EXCEEDED",
        /// A live subscription does not fit the schema that has replaced the one it began with.
        SchemaChanged = "SCHEMA_CHANGED",
        /// What a live subscription watched has been switched off: a WebSocket closes with 4003.
        FeatureDisabled = "FEATURE_DISABLED",
        Internal = "INTERNAL",
    }
}

impl ErrorCode {
    /// The code of this name, if it is one of ours.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == code)
    }

    /// Whether the graph failed, rather than refused what the client asked.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::SubgraphUnavailable | Self::DeadlineExceeded | Self::Internal
        )
    }
}
