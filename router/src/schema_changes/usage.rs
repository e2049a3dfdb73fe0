//! The schema elements used by an operation.

use std::collections::HashSet;

use super::Subject;
use crate::prepare::OperationKind;

/// An operation of a client, such as a registered one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOperation {
    /// What to call it in reports: its name or id.
    pub label: String,
    pub document: String,
    /// The operation to look at; `None`: all in the document.
    pub operation_name: Option<String>,
}

/// Why an operation's usage could not be determined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}, {line}:{column}: {message}")]
pub struct OperationError {
    pub label: String,
    pub message: String,
    pub line: usize,
    pub column: usize,
}

/// Schema elements used by an operation.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    pub(super) roots: HashSet<OperationKind>,
    pub(super) types: HashSet<String>,
    pub(super) selections: HashSet<String>,
    pub(super) fields: HashSet<(String, String)>,
    /// Arguments that are given, and whether always.
    pub(super) arguments: HashSet<(String, String, String, bool)>,
    pub(super) input_objects: HashSet<String>,
    pub(super) input_fields: HashSet<(String, String)>,
    /// Input fields omitted in a literal.
    pub(super) omitted: HashSet<(String, String)>,
    /// Input types filled by variables, whose contents are unknown.
    pub(super) open_inputs: HashSet<String>,
    pub(super) enum_values: HashSet<(String, String)>,
    pub(super) outputs: HashSet<String>,
    pub(super) directives: HashSet<String>,
    pub(super) directive_arguments: HashSet<(String, String, bool)>,
    pub(super) locations: HashSet<(String, &'static str)>,
}

impl Usage {
    pub(super) fn uses(&self, subject: &Subject) -> bool {
        let pair = |one: &String, other: &String| (one.clone(), other.clone());
        match subject {
            Subject::Nothing => false,
            Subject::Root(kind) => self.roots.contains(kind),
            Subject::Type(name) => self.types.contains(name),
            Subject::Selection(name) => self.selections.contains(name),
            Subject::Field(owner, field) => self.fields.contains(&pair(owner, field)),
            Subject::Argument(owner, field, argument) => [true, false].into_iter().any(|is_sure| {
                let (owner, field) = pair(owner, field);
                self.arguments
                    .contains(&(owner, field, argument.clone(), is_sure))
            }),
            Subject::ArgumentOmitted(owner, field, argument) => {
                let (owner, field) = pair(owner, field);
                self.fields.contains(&(owner.clone(), field.clone()))
                    && !self
                        .arguments
                        .contains(&(owner, field, argument.clone(), true))
            }
            Subject::InputObject(name) => {
                self.input_objects.contains(name) || self.open_inputs.contains(name)
            }
            Subject::InputField(owner, field) => {
                self.open_inputs.contains(owner) || self.input_fields.contains(&pair(owner, field))
            }
            Subject::InputFieldOmitted(owner, field) => {
                self.open_inputs.contains(owner) || self.omitted.contains(&pair(owner, field))
            }
            Subject::EnumInput(name, value) => {
                self.open_inputs.contains(name) || self.enum_values.contains(&pair(name, value))
            }
            Subject::EnumOutput(name) => self.outputs.contains(name),
            Subject::Directive(name) => self.directives.contains(name),
            Subject::DirectiveArgument(name, argument) => {
                [true, false].into_iter().any(|is_sure| {
                    let (name, argument) = pair(name, argument);
                    self.directive_arguments
                        .contains(&(name, argument, is_sure))
                })
            }
            Subject::DirectiveArgumentOmitted(name, argument) => {
                let (name, argument) = pair(name, argument);
                self.directives.contains(&name)
                    && !self.directive_arguments.contains(&(name, argument, true))
            }
            Subject::DirectiveLocation(name, location) => self
                .locations
                .iter()
                .any(|(known, at)| known == name && at == location),
        }
    }
}
