//! The flag `self_service_returns`: whether customers may create returns themselves. It only stops new returns;
//! existing ones still get their label and can be cancelled.

use platform::flags::{EvaluationContext, Flag};
use resolvers::id::IdKind;
use uuid::Uuid;

use crate::State;
use crate::rules::eligibility::Ineligible;

const SELF_SERVICE: Flag = Flag::on_by_default("self_service_returns");

/// Whether this customer may create returns.
pub(crate) async fn is_on(state: &State, customer: Uuid) -> bool {
    let whom = EvaluationContext::default().with_targeting_key(IdKind::Customer.format(customer));
    state.flags.is_on(SELF_SERVICE, &whom).await
}

/// The rule that prevents any new return by this customer, if self-service is off.
pub(crate) async fn check(state: &State, customer: Uuid) -> Option<Ineligible> {
    (!is_on(state, customer).await).then_some(Ineligible::SelfServiceOff)
}
