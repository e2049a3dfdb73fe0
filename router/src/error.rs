//! Errors: the codes and shapes that clients see, and the ways building a router can fail.

use std::fmt;

pub use platform::error_code::ErrorCode;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

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
    #[error(
        "the supergraph's link to {url} imports {import}, which cannot be read: write \"@name\", or {{ name: \"@name\", as: \"@other\" }}"
    )]
    UnreadableImport { url: String, import: String },
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
#[error("the subgraphs do not compose:{}", .diagnostics.iter().map(|one| format!("\n  - {one}")).collect::<String>())]
pub struct ComposeError {
    pub diagnostics: Vec<Diagnostic>,
}

platform::error_codes! {
    /// Why subgraphs do not compose. Those of Apollo Federation have its names.
    pub enum CompositionCode {
        /// A subgraph uses something that cannot be composed here.
        FeatureNotSupported = "FEATURE_NOT_SUPPORTED",
        InvalidGraphQL = "INVALID_GRAPHQL",
        DirectiveDefinitionInvalid = "DIRECTIVE_DEFINITION_INVALID",
        InvalidLinkDirectiveUsage = "INVALID_LINK_DIRECTIVE_USAGE",
        UnknownFederationLinkVersion = "UNKNOWN_FEDERATION_LINK_VERSION",
        LinkImportNameMismatch = "LINK_IMPORT_NAME_MISMATCH",
        DirectiveCompositionError = "DIRECTIVE_COMPOSITION_ERROR",
        RootQueryUsed = "ROOT_QUERY_USED",
        RootMutationUsed = "ROOT_MUTATION_USED",
        RootSubscriptionUsed = "ROOT_SUBSCRIPTION_USED",
        NoQueries = "NO_QUERIES",
        KeyInvalidFields = "KEY_INVALID_FIELDS",
        KeyInvalidFieldsType = "KEY_INVALID_FIELDS_TYPE",
        KeyFieldsHasArgs = "KEY_FIELDS_HAS_ARGS",
        KeyFieldsSelectInvalidType = "KEY_FIELDS_SELECT_INVALID_TYPE",
        KeyDirectiveInFieldsArg = "KEY_DIRECTIVE_IN_FIELDS_ARG",
        RequiresInvalidFields = "REQUIRES_INVALID_FIELDS",
        RequiresInvalidFieldsType = "REQUIRES_INVALID_FIELDS_TYPE",
        RequiresFieldsMissingExternal = "REQUIRES_FIELDS_MISSING_EXTERNAL",
        RequiresDirectiveInFieldsArg = "REQUIRES_DIRECTIVE_IN_FIELDS_ARG",
        RequiresUnsupportedOnInterface = "REQUIRES_UNSUPPORTED_ON_INTERFACE",
        ProvidesInvalidFields = "PROVIDES_INVALID_FIELDS",
        ProvidesInvalidFieldsType = "PROVIDES_INVALID_FIELDS_TYPE",
        ProvidesFieldsHasArgs = "PROVIDES_FIELDS_HAS_ARGS",
        ProvidesFieldsMissingExternal = "PROVIDES_FIELDS_MISSING_EXTERNAL",
        ProvidesDirectiveInFieldsArg = "PROVIDES_DIRECTIVE_IN_FIELDS_ARG",
        ProvidesUnsupportedOnInterface = "PROVIDES_UNSUPPORTED_ON_INTERFACE",
        ProvidesOnNonObjectField = "PROVIDES_ON_NON_OBJECT_FIELD",
        InvalidShareableUsage = "INVALID_SHAREABLE_USAGE",
        InvalidFieldSharing = "INVALID_FIELD_SHARING",
        ShareableHasMismatchedRuntimeTypes = "SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES",
        ExternalUnused = "EXTERNAL_UNUSED",
        ExternalOnInterface = "EXTERNAL_ON_INTERFACE",
        ExternalMissingOnBase = "EXTERNAL_MISSING_ON_BASE",
        ExternalTypeMismatch = "EXTERNAL_TYPE_MISMATCH",
        ExternalArgumentMissing = "EXTERNAL_ARGUMENT_MISSING",
        ExternalArgumentTypeMismatch = "EXTERNAL_ARGUMENT_TYPE_MISMATCH",
        ExternalArgumentDefaultMismatch = "EXTERNAL_ARGUMENT_DEFAULT_MISMATCH",
        MergedDirectiveApplicationOnExternal = "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL",
        ExtensionWithNoBase = "EXTENSION_WITH_NO_BASE",
        TypeKindMismatch = "TYPE_KIND_MISMATCH",
        FieldTypeMismatch = "FIELD_TYPE_MISMATCH",
        FieldArgumentTypeMismatch = "FIELD_ARGUMENT_TYPE_MISMATCH",
        FieldArgumentDefaultMismatch = "FIELD_ARGUMENT_DEFAULT_MISMATCH",
        RequiredArgumentMissingInSomeSubgraph = "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH",
        InputFieldDefaultMismatch = "INPUT_FIELD_DEFAULT_MISMATCH",
        RequiredInputFieldMissingInSomeSubgraph = "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH",
        EmptyMergedInputType = "EMPTY_MERGED_INPUT_TYPE",
        EmptyMergedEnumType = "EMPTY_MERGED_ENUM_TYPE",
        EnumValueMismatch = "ENUM_VALUE_MISMATCH",
        InterfaceFieldNoImplem = "INTERFACE_FIELD_NO_IMPLEM",
        InterfaceKeyNotOnImplementation = "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
        InterfaceKeyMissingImplementationType = "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE",
        InterfaceObjectUsageError = "INTERFACE_OBJECT_USAGE_ERROR",
        OverrideFromSelfError = "OVERRIDE_FROM_SELF_ERROR",
        OverrideSourceHasOverride = "OVERRIDE_SOURCE_HAS_OVERRIDE",
        OverrideOnInterface = "OVERRIDE_ON_INTERFACE",
        OverrideLabelInvalid = "OVERRIDE_LABEL_INVALID",
        OverrideCollisionWithAnotherDirective = "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE",
        QueryRootTypeInaccessible = "QUERY_ROOT_TYPE_INACCESSIBLE",
        ReferencedInaccessible = "REFERENCED_INACCESSIBLE",
        OnlyInaccessibleChildren = "ONLY_INACCESSIBLE_CHILDREN",
        RequiredInaccessible = "REQUIRED_INACCESSIBLE",
        ImplementedByInaccessible = "IMPLEMENTED_BY_INACCESSIBLE",
        DefaultValueUsesInaccessible = "DEFAULT_VALUE_USES_INACCESSIBLE",
        CostAppliedToInterfaceField = "COST_APPLIED_TO_INTERFACE_FIELD",
        ListSizeAppliedToNonList = "LIST_SIZE_APPLIED_TO_NON_LIST",
        ListSizeInvalidAssumedSize = "LIST_SIZE_INVALID_ASSUMED_SIZE",
        ListSizeInvalidSlicingArgument = "LIST_SIZE_INVALID_SLICING_ARGUMENT",
        ListSizeInvalidSizedField = "LIST_SIZE_INVALID_SIZED_FIELD",
        SatisfiabilityError = "SATISFIABILITY_ERROR",
        /// The subgraphs contradict each other in another way.
        CompositionFailed = "COMPOSITION_FAILED",
    }
}

/// An error of composition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: CompositionCode,
    pub message: String,
    /// The subgraphs named in the message.
    pub subgraphs: Vec<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
