//! Visits the values in a document.

use graphql_tools::parser::query::{Definition, OperationDefinition};
use graphql_tools::static_graphql::query::{
    Directive, Document, Selection, SelectionSet, Value, VariableDefinition,
};

use super::document::Operation;

type Change<'f> = &'f mut dyn FnMut(&mut Value);

/// Changes every value of a document: arguments, defaults, and values inside lists and objects.
pub(super) fn for_each(document: &mut Document, change: Change<'_>) {
    for definition in &mut document.definitions {
        match definition {
            Definition::Operation(operation) => {
                let (variables, directives, selections) = parts(operation);
                for variable in variables.into_iter().flatten() {
                    if let Some(default) = &mut variable.default_value {
                        of_value(default, change);
                    }
                }
                of_directives(directives.into_iter().flatten(), change);
                of_selections(selections, change);
            }
            Definition::Fragment(fragment) => {
                of_directives(&mut fragment.directives, change);
                of_selections(&mut fragment.selection_set, change);
            }
        }
    }
}

/// The variables, directives and selections of an operation.
pub(super) fn parts(
    operation: &mut Operation,
) -> (
    Option<&mut Vec<VariableDefinition>>,
    Option<&mut Vec<Directive>>,
    &mut SelectionSet,
) {
    match operation {
        OperationDefinition::SelectionSet(selections) => (None, None, selections),
        OperationDefinition::Query(query) => (
            Some(&mut query.variable_definitions),
            Some(&mut query.directives),
            &mut query.selection_set,
        ),
        OperationDefinition::Mutation(mutation) => (
            Some(&mut mutation.variable_definitions),
            Some(&mut mutation.directives),
            &mut mutation.selection_set,
        ),
        OperationDefinition::Subscription(subscription) => (
            Some(&mut subscription.variable_definitions),
            Some(&mut subscription.directives),
            &mut subscription.selection_set,
        ),
    }
}

fn of_selections(selections: &mut SelectionSet, change: Change<'_>) {
    for selection in &mut selections.items {
        match selection {
            Selection::Field(field) => {
                for (_, value) in &mut field.arguments {
                    of_value(value, change);
                }
                of_directives(&mut field.directives, change);
                of_selections(&mut field.selection_set, change);
            }
            Selection::InlineFragment(fragment) => {
                of_directives(&mut fragment.directives, change);
                of_selections(&mut fragment.selection_set, change);
            }
            Selection::FragmentSpread(spread) => of_directives(&mut spread.directives, change),
        }
    }
}

fn of_directives<'d>(directives: impl IntoIterator<Item = &'d mut Directive>, change: Change<'_>) {
    for directive in directives {
        for (_, value) in &mut directive.arguments {
            of_value(value, change);
        }
    }
}

fn of_value(value: &mut Value, change: Change<'_>) {
    match value {
        Value::List(items) => {
            for item in items {
                of_value(item, change);
            }
        }
        Value::Object(fields) => {
            for (_, field) in fields {
                of_value(field, change);
            }
        }
        _ => change(value),
    }
}
