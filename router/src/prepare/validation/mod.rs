//! The validation rules: those of `graphql-tools`, plus those of the specification that it lacks.

mod locations;
mod meta_fields;
mod operations;

use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::ValidationPlan;

pub(super) use operations::CONDITIONAL_SUBSCRIPTION;

/// All rules of the specification.
pub(crate) fn plan() -> ValidationPlan {
    let mut plan = default_rules_validation_plan();
    plan.add_rule(Box::new(operations::OperationTypes));
    plan.add_rule(Box::new(operations::SubscriptionRoot));
    plan.add_rule(Box::new(meta_fields::MetaFields));
    // Last: it completes the other rules' errors.
    plan.add_rule(Box::new(locations::Locations));
    plan
}
