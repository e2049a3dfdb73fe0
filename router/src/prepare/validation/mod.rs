//! The validation rules: those of `graphql-tools`, plus those of the specification and of its draft for `@defer` that it
//! lacks.

mod defer;
mod list_arguments;
mod locations;
mod meta_fields;
mod operations;
#[cfg(test)]
mod oracle;
mod unknown_fields;
mod values;

use graphql_tools::static_graphql::{query, schema};
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::utils::ValidationError;
use graphql_tools::validation::validate::{self, ValidationPlan};

pub(super) use operations::CONDITIONAL_SUBSCRIPTION;

/// All rules of the specification.
pub(crate) fn plan() -> ValidationPlan {
    let mut plan = default_rules_validation_plan();
    plan.add_rule(Box::new(operations::OperationTypes));
    plan.add_rule(Box::new(operations::SubscriptionRoot));
    plan.add_rule(Box::new(defer::Defer));
    plan.add_rule(Box::new(meta_fields::MetaFields));
    plan.add_rule(Box::new(values::Values));
    plan.add_rule(Box::new(unknown_fields::UnknownFields));
    // Last: it completes the other rules' errors.
    plan.add_rule(Box::new(locations::Locations));
    plan
}

/// The errors of a document by the rules of [`plan`]. `has_lists`: whether it may contain lists.
pub(super) fn validate(
    schema: &schema::Document,
    document: &query::Document,
    plan: &ValidationPlan,
    has_lists: bool,
) -> Vec<ValidationError> {
    let errors = validate::validate(schema, document, plan);
    if has_lists && errors.is_empty() {
        list_arguments::check(schema, document)
    } else {
        errors
    }
}
