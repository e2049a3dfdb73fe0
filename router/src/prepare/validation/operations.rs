//! Rules about whole operations.

use std::collections::HashSet;

use graphql_tools::ast::{OperationVisitor, OperationVisitorContext};
use graphql_tools::static_graphql::query::{
    Directive, OperationDefinition, Selection, SelectionSet,
};
use graphql_tools::validation::rules::{ValidationRule, ValidationVisitor};
use graphql_tools::validation::utils::{ValidationError, ValidationErrorContext};

/// The schema must support the operation's kind (5.2.1.1).
pub(super) struct OperationTypes;

impl ValidationRule for OperationTypes {
    fn error_code(&self) -> &'static str {
        "OperationTypes"
    }

    fn visitor<'doc>(&self) -> ValidationVisitor<'doc> {
        Box::new(Self)
    }
}

impl<'doc> OperationVisitor<'doc, ValidationErrorContext> for OperationTypes {
    fn enter_operation_definition(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        operation: &'doc OperationDefinition,
    ) {
        let (position, root) = match operation {
            OperationDefinition::SelectionSet(_) | OperationDefinition::Query(_) => return,
            OperationDefinition::Mutation(mutation) => {
                (mutation.position, context.schema.mutation_type())
            }
            OperationDefinition::Subscription(subscription) => {
                (subscription.position, context.schema.subscription_type())
            }
        };
        if root.is_none() {
            errors.report_error(ValidationError {
                error_code: self.error_code(),
                locations: vec![position],
                message: "The schema has no operations of this kind.".to_owned(),
            });
        }
    }
}

/// The code of errors about conditions at the root of a subscription.
pub(crate) const CONDITIONAL_SUBSCRIPTION: &str = "ConditionalSubscription";

/// A subscription must have a single root field that does not depend on variables: one response key, no `@skip` and no
/// `@include` (5.2.4.1).
pub(super) struct SubscriptionRoot;

impl ValidationRule for SubscriptionRoot {
    fn error_code(&self) -> &'static str {
        "SubscriptionRoot"
    }

    fn visitor<'doc>(&self) -> ValidationVisitor<'doc> {
        Box::new(Self)
    }
}

impl<'doc> OperationVisitor<'doc, ValidationErrorContext> for SubscriptionRoot {
    fn enter_operation_definition(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        operation: &'doc OperationDefinition,
    ) {
        let OperationDefinition::Subscription(subscription) = operation else {
            return;
        };
        let mut root = Root::default();
        root.add(&subscription.selection_set, context);
        for directive in &root.conditions {
            errors.report_error(ValidationError {
                error_code: CONDITIONAL_SUBSCRIPTION,
                locations: vec![directive.position],
                message: format!(
                    "Directive \"@{}\" may not be used at the root of a subscription.",
                    directive.name
                ),
            });
        }
        // Different fields are reported by another rule.
        if root.names.len() == 1 && root.keys.len() > 1 {
            errors.report_error(ValidationError {
                error_code: self.error_code(),
                locations: vec![subscription.position],
                message: "A subscription must select only one top level field.".to_owned(),
            });
        }
    }
}

/// The root selection of a subscription, with all fragments.
#[derive(Default)]
struct Root<'doc> {
    keys: HashSet<&'doc str>,
    names: HashSet<&'doc str>,
    conditions: Vec<&'doc Directive>,
    visited: HashSet<&'doc str>,
}

impl<'doc> Root<'doc> {
    fn add(&mut self, selections: &'doc SelectionSet, context: &OperationVisitorContext<'doc>) {
        for selection in &selections.items {
            let directives = match selection {
                Selection::Field(field) => {
                    self.keys
                        .insert(field.alias.as_ref().unwrap_or(&field.name));
                    self.names.insert(&field.name);
                    &field.directives
                }
                Selection::InlineFragment(fragment) => {
                    self.add(&fragment.selection_set, context);
                    &fragment.directives
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    if self.visited.insert(name)
                        && let Some(fragment) = context.known_fragments.get(name)
                    {
                        self.add(&fragment.selection_set, context);
                    }
                    &spread.directives
                }
            };
            let conditional =
                |directive: &&Directive| matches!(&*directive.name, "skip" | "include");
            self.conditions
                .extend(directives.iter().filter(conditional));
        }
    }
}
