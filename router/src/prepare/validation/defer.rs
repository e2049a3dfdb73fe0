//! Rules about `@defer`, from the draft for incremental delivery.

use std::collections::HashSet;

use graphql_tools::ast::{OperationVisitor, OperationVisitorContext};
use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, OperationDefinition, Selection, SelectionSet, Value,
};
use graphql_tools::validation::rules::{ValidationRule, ValidationVisitor};
use graphql_tools::validation::utils::{ValidationError, ValidationErrorContext};

use crate::type_system::ast::argument;

/// Labels are unique and do not depend on variables. Nothing is deferred at the root of a mutation, whose fields run one
/// after the other, nor in a subscription.
pub(super) struct Defer;

impl ValidationRule for Defer {
    fn error_code(&self) -> &'static str {
        "DeferDirective"
    }

    fn visitor<'doc>(&self) -> ValidationVisitor<'doc> {
        Box::new(Self)
    }
}

impl<'doc> OperationVisitor<'doc, ValidationErrorContext> for Defer {
    fn enter_document(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        document: &'doc Document,
    ) {
        let mut labels = HashSet::new();
        for definition in &document.definitions {
            let selections = match definition {
                Definition::Operation(operation) => operation.selection_set(),
                Definition::Fragment(fragment) => &fragment.selection_set,
            };
            for_each(selections, &mut |defer| match argument(defer, "label") {
                None | Some(Value::Null) => {}
                Some(Value::String(label)) => {
                    if !labels.insert(label) {
                        let message = "The label of a \"@defer\" directive must be unique.";
                        self.report(errors, defer, message);
                    }
                }
                Some(_) => {
                    let message = "The label of a \"@defer\" directive must be a static string.";
                    self.report(errors, defer, message);
                }
            });
        }
    }

    fn enter_operation_definition(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        operation: &'doc OperationDefinition,
    ) {
        let (everywhere, message) = match operation {
            OperationDefinition::SelectionSet(_) | OperationDefinition::Query(_) => return,
            OperationDefinition::Mutation(_) => (
                false,
                "Directive \"@defer\" may not be used at the root of a mutation.",
            ),
            OperationDefinition::Subscription(_) => (
                true,
                "Directive \"@defer\" may not be used in a subscription, unless \"if\" is false.",
            ),
        };
        let mut reach = Reach {
            everywhere,
            defers: Vec::new(),
            visited: HashSet::new(),
        };
        reach.add(operation.selection_set(), context);
        for defer in reach.defers {
            // A variable decides when the operation runs; in a subscription nothing is deferred then, either.
            if !everywhere || matches!(argument(defer, "if"), None | Some(Value::Boolean(true))) {
                self.report(errors, defer, message);
            }
        }
    }
}

impl Defer {
    fn report(&self, errors: &mut ValidationErrorContext, defer: &Directive, message: &str) {
        errors.report_error(ValidationError {
            error_code: self.error_code(),
            locations: vec![defer.position],
            message: message.to_owned(),
        });
    }
}

/// The directives that an operation reaches through its fragments.
struct Reach<'doc> {
    /// At any depth, rather than at the root only.
    everywhere: bool,
    defers: Vec<&'doc Directive>,
    visited: HashSet<&'doc str>,
}

impl<'doc> Reach<'doc> {
    fn add(&mut self, selections: &'doc SelectionSet, context: &OperationVisitorContext<'doc>) {
        for selection in &selections.items {
            self.defers.extend(defers(selection));
            match selection {
                Selection::Field(field) => {
                    if self.everywhere {
                        self.add(&field.selection_set, context);
                    }
                }
                Selection::InlineFragment(fragment) => self.add(&fragment.selection_set, context),
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    if self.visited.insert(name)
                        && let Some(fragment) = context.known_fragments.get(name)
                    {
                        self.add(&fragment.selection_set, context);
                    }
                }
            }
        }
    }
}

fn for_each<'doc>(selections: &'doc SelectionSet, visit: &mut impl FnMut(&'doc Directive)) {
    for selection in &selections.items {
        defers(selection).for_each(&mut *visit);
        match selection {
            Selection::Field(field) => for_each(&field.selection_set, visit),
            Selection::InlineFragment(fragment) => for_each(&fragment.selection_set, visit),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// The directives of a fragment; where else they are misplaced, another rule reports that.
fn defers(selection: &Selection) -> impl Iterator<Item = &Directive> {
    let directives: &[Directive] = match selection {
        Selection::Field(_) => &[],
        Selection::InlineFragment(fragment) => &fragment.directives,
        Selection::FragmentSpread(spread) => &spread.directives,
    };
    directives.iter().filter(|found| found.name == "defer")
}
