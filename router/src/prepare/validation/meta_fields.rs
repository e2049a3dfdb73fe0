//! Rules for names with two leading underscores, which `graphql-tools` skips: `__typename` with a selection or
//! arguments, introspection outside queries, and unknown names.

use graphql_tools::ast::{OperationVisitor, OperationVisitorContext};
use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::query::{
    Field, FragmentDefinition, InlineFragment, TypeCondition, VariableDefinition,
};
use graphql_tools::validation::rules::{ValidationRule, ValidationVisitor};
use graphql_tools::validation::utils::{ValidationError, ValidationErrorContext};

pub(super) struct MetaFields;

impl ValidationRule for MetaFields {
    fn error_code(&self) -> &'static str {
        "MetaFields"
    }

    fn visitor<'doc>(&self) -> ValidationVisitor<'doc> {
        Box::new(Self)
    }
}

impl MetaFields {
    fn report(&self, errors: &mut ValidationErrorContext, at: Pos, message: String) {
        errors.report_error(ValidationError {
            error_code: self.error_code(),
            locations: vec![at],
            message,
        });
    }

    fn check_type(
        &self,
        context: &OperationVisitorContext<'_>,
        errors: &mut ValidationErrorContext,
        at: Pos,
        name: &str,
    ) {
        if name.starts_with("__") && context.schema.type_by_name(name).is_none() {
            self.report(errors, at, format!("Unknown type \"{name}\"."));
        }
    }
}

impl<'doc> OperationVisitor<'doc, ValidationErrorContext> for MetaFields {
    fn enter_field(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        field: &Field,
    ) {
        let Some(parent) = context
            .current_parent_type()
            .filter(|_| field.name.starts_with("__"))
        else {
            return;
        };
        if field.name != "__typename" {
            // The query type has the existing meta fields, with their types and arguments.
            if parent.field_by_name(&field.name).is_none() {
                let message = format!(
                    "Cannot query field \"{}\" on type \"{}\".",
                    field.name,
                    parent.name()
                );
                self.report(errors, field.position, message);
            }
            return;
        }
        if !field.selection_set.items.is_empty() {
            let message = "Field \"__typename\" must not have a selection since type \"String!\" has no subfields.";
            self.report(errors, field.position, message.to_owned());
        }
        for (argument, _) in &field.arguments {
            let message = format!(
                "Unknown argument \"{argument}\" on field \"{}.__typename\".",
                parent.name()
            );
            self.report(errors, field.position, message);
        }
    }

    fn enter_fragment_definition(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        fragment: &'doc FragmentDefinition,
    ) {
        let TypeCondition::On(name) = &fragment.type_condition;
        self.check_type(context, errors, fragment.position, name);
    }

    fn enter_inline_fragment(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        fragment: &InlineFragment,
    ) {
        if let Some(TypeCondition::On(name)) = &fragment.type_condition {
            self.check_type(context, errors, fragment.position, name);
        }
    }

    fn enter_variable_definition(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        variable: &'doc VariableDefinition,
    ) {
        let name = variable.var_type.inner_type();
        self.check_type(context, errors, variable.position, name);
    }
}
