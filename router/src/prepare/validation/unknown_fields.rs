//! Arguments of unknown fields: `graphql-tools` looks for them on the enclosing field and reports them there. The error
//! about the unknown field is enough.

use graphql_tools::ast::{OperationVisitor, OperationVisitorContext};
use graphql_tools::static_graphql::query::Value;
use graphql_tools::validation::rules::{ValidationRule, ValidationVisitor};
use graphql_tools::validation::utils::ValidationErrorContext;

/// Must follow the rules of `graphql-tools`, whose errors it removes.
pub(super) struct UnknownFields;

impl ValidationRule for UnknownFields {
    fn error_code(&self) -> &'static str {
        "UnknownFields"
    }

    fn visitor<'doc>(&self) -> ValidationVisitor<'doc> {
        Box::new(Self)
    }
}

impl<'doc> OperationVisitor<'doc, ValidationErrorContext> for UnknownFields {
    fn leave_argument(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &(String, Value),
    ) {
        if context.current_field().is_some() {
            return;
        }
        let mistaken = errors.errors.iter().rposition(|error| {
            error.error_code == "KnownArgumentNames"
                && error.locations.is_empty()
                && error.message.contains(" on field ")
        });
        if let Some(mistaken) = mistaken {
            errors.errors.remove(mistaken);
        }
    }
}
