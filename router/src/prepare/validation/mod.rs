//! The rules of validation: those of `graphql-tools`, and what they leave out of the specification's.

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
    // Last: it completes what the others report.
    plan.add_rule(Box::new(locations::Locations));
    plan
}
