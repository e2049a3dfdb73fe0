//! Gives every error a location. Values have no position in the syntax tree, so their errors point at the enclosing
//! field, directive or variable.

use std::collections::HashMap;

use graphql_tools::ast::{OperationVisitor, OperationVisitorContext};
use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::query::{
    Directive, Document, Field, FragmentDefinition, OperationDefinition, Value, VariableDefinition,
};
use graphql_tools::validation::rules::{ValidationRule, ValidationVisitor};
use graphql_tools::validation::utils::{ValidationError, ValidationErrorContext};

/// Must be the last rule, after all that report errors.
pub(super) struct Locations;

impl ValidationRule for Locations {
    fn error_code(&self) -> &'static str {
        "Locations"
    }

    fn visitor<'doc>(&self) -> ValidationVisitor<'doc> {
        Box::new(Visitor::default())
    }
}

#[derive(Default)]
struct Visitor {
    /// The path being visited, innermost last.
    path: Vec<Pos>,
    /// How many errors have a location.
    located: usize,
    /// Where variables are defined and first used.
    definitions: HashMap<String, Pos>,
    uses: HashMap<String, Pos>,
    fragments: Vec<(String, Pos)>,
    /// The first one.
    operation: Option<Pos>,
}

impl Visitor {
    /// Locates the errors reported since the last call at the current position.
    fn locate(&mut self, errors: &mut ValidationErrorContext) {
        for error in &mut errors.errors[self.located..] {
            if error.locations.is_empty() {
                error.locations.extend(self.path.last());
            }
        }
        self.located = errors.errors.len();
    }

    fn enter(&mut self, errors: &mut ValidationErrorContext, position: Pos) {
        self.path.push(position);
        self.locate(errors);
    }

    fn leave(&mut self, errors: &mut ValidationErrorContext) {
        self.locate(errors);
        self.path.pop();
    }

    /// The position of the variable named by an error that concerns the whole operation.
    fn of_variable(&self, error: &ValidationError) -> Option<Pos> {
        let (_, rest) = error.message.split_once("\"$")?;
        let (name, _) = rest.split_once('"')?;
        let known = match error.error_code {
            "NoUndefinedVariables" => &self.uses,
            _ => &self.definitions,
        };
        known.get(name).copied()
    }

    fn of_unused_fragment(&self, error: &ValidationError) -> Option<Pos> {
        if error.error_code != "NoUnusedFragments" {
            return None;
        }
        let name = error.message.split('"').nth(1)?;
        let mut fragments = self.fragments.iter();
        fragments
            .find(|(known, _)| known == name)
            .map(|(_, position)| *position)
    }
}

impl<'doc> OperationVisitor<'doc, ValidationErrorContext> for Visitor {
    fn leave_document(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &Document,
    ) {
        for error in &mut errors.errors {
            if error.locations.is_empty() {
                let position = self
                    .of_variable(error)
                    .or_else(|| self.of_unused_fragment(error))
                    .or(self.operation)
                    .or_else(|| self.fragments.first().map(|(_, position)| *position));
                error.locations.extend(position);
            }
        }
    }

    fn enter_operation_definition(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        operation: &'doc OperationDefinition,
    ) {
        let position = match operation {
            OperationDefinition::SelectionSet(set) => set.span.0,
            OperationDefinition::Query(query) => query.position,
            OperationDefinition::Mutation(mutation) => mutation.position,
            OperationDefinition::Subscription(subscription) => subscription.position,
        };
        self.operation.get_or_insert(position);
        self.enter(errors, position);
    }

    fn leave_operation_definition(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &OperationDefinition,
    ) {
        self.leave(errors);
    }

    fn enter_fragment_definition(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        fragment: &'doc FragmentDefinition,
    ) {
        self.fragments
            .push((fragment.name.clone(), fragment.position));
        self.enter(errors, fragment.position);
    }

    fn leave_fragment_definition(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &FragmentDefinition,
    ) {
        self.leave(errors);
    }

    fn enter_variable_definition(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        variable: &'doc VariableDefinition,
    ) {
        let position = variable.position;
        self.definitions
            .entry(variable.name.clone())
            .or_insert(position);
        self.enter(errors, position);
    }

    fn leave_variable_definition(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &VariableDefinition,
    ) {
        self.leave(errors);
    }

    fn enter_directive(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        directive: &Directive,
    ) {
        self.enter(errors, directive.position);
    }

    fn leave_directive(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &Directive,
    ) {
        self.leave(errors);
    }

    fn enter_field(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        field: &Field,
    ) {
        self.enter(errors, field.position);
    }

    fn leave_field(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &Field,
    ) {
        self.leave(errors);
    }

    fn leave_argument(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        _: &(String, Value),
    ) {
        self.locate(errors);
    }

    fn enter_variable_value(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        _: &mut ValidationErrorContext,
        name: &'doc str,
    ) {
        if let Some(position) = self.path.last() {
            self.uses.entry(name.to_owned()).or_insert(*position);
        }
    }
}
