//! Compares two schemas and grades each change for clients like graphql-js (`findBreakingChanges`,
//! `findDangerousChanges`), or like GraphQL Inspector where that is stricter; and finds the operations a change
//! affects. Pure functions of texts.

mod compare;
mod compare_directives;
mod compare_inputs;
mod defaults;
#[cfg(test)]
mod oracle;
mod usage;
mod usage_walk;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod usage_tests;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::prepare::OperationKind;
use crate::type_system::{Schema, SchemaError};

pub use usage::{ClientOperation, OperationError, Usage};

/// How much a change matters to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Valid operations fail, or their responses change shape.
    Breaking,
    /// Operations stay valid, but may behave differently or return something unexpected.
    Dangerous,
    /// Clients do not notice.
    Safe,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Dangerous => "dangerous",
            Self::Safe => "safe",
        }
    }
}

macro_rules! change_kinds {
    ($($kind:ident = $name:literal $severity:ident,)*) => {
        /// The kind of a change, named as in graphql-js where that has it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ChangeKind {
            $($kind,)*
        }

        impl ChangeKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Its severity, unless details of the change make it harmless.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$kind => Severity::$severity,)*
                }
            }
        }
    };
}

change_kinds! {
    TypeRemoved = "TYPE_REMOVED" Breaking,
    TypeAdded = "TYPE_ADDED" Safe,
    TypeChangedKind = "TYPE_CHANGED_KIND" Breaking,
    RootTypeChanged = "ROOT_TYPE_CHANGED" Breaking,
    RootTypeAdded = "ROOT_TYPE_ADDED" Safe,
    TypeRemovedFromUnion = "TYPE_REMOVED_FROM_UNION" Breaking,
    TypeAddedToUnion = "TYPE_ADDED_TO_UNION" Dangerous,
    ValueRemovedFromEnum = "VALUE_REMOVED_FROM_ENUM" Breaking,
    ValueAddedToEnum = "VALUE_ADDED_TO_ENUM" Dangerous,
    ImplementedInterfaceRemoved = "IMPLEMENTED_INTERFACE_REMOVED" Breaking,
    ImplementedInterfaceAdded = "IMPLEMENTED_INTERFACE_ADDED" Dangerous,
    FieldRemoved = "FIELD_REMOVED" Breaking,
    FieldAdded = "FIELD_ADDED" Safe,
    FieldChangedKind = "FIELD_CHANGED_KIND" Breaking,
    FieldChangedKindSafe = "FIELD_CHANGED_KIND_SAFE" Safe,
    ArgRemoved = "ARG_REMOVED" Breaking,
    RequiredArgAdded = "REQUIRED_ARG_ADDED" Breaking,
    OptionalArgAdded = "OPTIONAL_ARG_ADDED" Dangerous,
    ArgChangedKind = "ARG_CHANGED_KIND" Breaking,
    ArgChangedKindSafe = "ARG_CHANGED_KIND_SAFE" Safe,
    ArgDefaultValueChange = "ARG_DEFAULT_VALUE_CHANGE" Dangerous,
    ArgDefaultValueAdded = "ARG_DEFAULT_VALUE_ADDED" Dangerous,
    RequiredInputFieldAdded = "REQUIRED_INPUT_FIELD_ADDED" Breaking,
    OptionalInputFieldAdded = "OPTIONAL_INPUT_FIELD_ADDED" Dangerous,
    InputFieldDefaultValueChange = "INPUT_FIELD_DEFAULT_VALUE_CHANGE" Dangerous,
    InputFieldDefaultValueAdded = "INPUT_FIELD_DEFAULT_VALUE_ADDED" Dangerous,
    OneOfAdded = "ONE_OF_ADDED" Breaking,
    OneOfRemoved = "ONE_OF_REMOVED" Safe,
    SpecifiedByChange = "SPECIFIED_BY_CHANGE" Dangerous,
    DeprecationAdded = "DEPRECATION_ADDED" Safe,
    DeprecationRemoved = "DEPRECATION_REMOVED" Safe,
    DeprecationReasonChange = "DEPRECATION_REASON_CHANGE" Safe,
    DescriptionChanged = "DESCRIPTION_CHANGED" Safe,
    DirectiveRemoved = "DIRECTIVE_REMOVED" Breaking,
    DirectiveAdded = "DIRECTIVE_ADDED" Safe,
    DirectiveArgRemoved = "DIRECTIVE_ARG_REMOVED" Breaking,
    RequiredDirectiveArgAdded = "REQUIRED_DIRECTIVE_ARG_ADDED" Breaking,
    OptionalDirectiveArgAdded = "OPTIONAL_DIRECTIVE_ARG_ADDED" Safe,
    DirectiveRepeatableRemoved = "DIRECTIVE_REPEATABLE_REMOVED" Breaking,
    DirectiveRepeatableAdded = "DIRECTIVE_REPEATABLE_ADDED" Safe,
    DirectiveLocationRemoved = "DIRECTIVE_LOCATION_REMOVED" Breaking,
    DirectiveLocationAdded = "DIRECTIVE_LOCATION_ADDED" Safe,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub severity: Severity,
    /// The schema coordinate of the change: `Query.orders(first:)`.
    pub coordinate: String,
    pub kind: ChangeKind,
    pub message: String,
    subject: Subject,
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut change = serializer.serialize_struct("Change", 4)?;
        change.serialize_field("severity", self.severity.as_str())?;
        change.serialize_field("kind", self.kind.as_str())?;
        change.serialize_field("coordinate", &self.coordinate)?;
        change.serialize_field("message", &self.message)?;
        change.end()
    }
}

/// The schema elements whose use makes a change affect an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Subject {
    /// Nothing an operation can use.
    Nothing,
    /// It is an operation of this kind.
    Root(OperationKind),
    /// Any use of the type: fields selected on it, or values read or given.
    Type(String),
    /// Fields selected on it, or a fragment on it.
    Selection(String),
    Field(String, String),
    /// The argument is given.
    Argument(String, String, String),
    /// The field is selected, and the argument is omitted or given by a variable that may be omitted.
    ArgumentOmitted(String, String, String),
    /// A value of this input object is given.
    InputObject(String),
    InputField(String, String),
    /// A value of this input object is given, in which the field may be omitted.
    InputFieldOmitted(String, String),
    /// The enum value is given, or an unknown one.
    EnumInput(String, String),
    /// A value of this enum is returned.
    EnumOutput(String),
    Directive(String),
    DirectiveArgument(String, String),
    DirectiveArgumentOmitted(String, String),
    DirectiveLocation(String, String),
}

impl Change {
    /// Whether an operation is affected.
    pub fn concerns(&self, usage: &Usage) -> bool {
        usage.uses(&self.subject)
    }
}

/// Which of two schemas is invalid.
#[derive(Debug, thiserror::Error)]
pub enum SchemaChangesError {
    #[error("the old schema is not valid: {}", list(.0))]
    Old(Vec<SchemaError>),
    #[error("the new schema is not valid: {}", list(.0))]
    New(Vec<SchemaError>),
}

fn list(errors: &[SchemaError]) -> String {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

/// All changes, the most severe first.
///
/// # Errors
/// If a text is not a schema.
pub fn schema_changes(old: &str, new: &str) -> Result<Vec<Change>, SchemaChangesError> {
    let old = Schema::parse(old).map_err(SchemaChangesError::Old)?;
    let new = Schema::parse(new).map_err(SchemaChangesError::New)?;
    let mut changes = compare::compare(&old, &new);
    changes.sort();
    Ok(changes)
}

/// What each operation uses of the schema it was written for.
///
/// # Errors
/// If the text is not a schema, or an operation uses something it does not have.
pub fn operation_usages(
    schema: &str,
    operations: &[ClientOperation],
) -> Result<Vec<Result<Usage, OperationError>>, SchemaChangesError> {
    let schema = Schema::parse(schema).map_err(SchemaChangesError::Old)?;
    let usages = operations
        .iter()
        .map(|operation| Usage::of(operation, &schema));
    Ok(usages.collect())
}
