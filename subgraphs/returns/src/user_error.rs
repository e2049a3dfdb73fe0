//! Errors of creating a return that the customer can fix.

use async_graphql::{Interface, SimpleObject, Union};
use resolvers::user_error::{InputError, UserErrorCode};

use crate::return_eligibility::IneligibilityReason;
use crate::rules::eligibility::Ineligible;

/// The items may not be returned.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnIneligible {
    pub message: String,
    pub code: UserErrorCode,
    pub field: Option<Vec<String>>,
    /// Every failed rule.
    pub reasons: Vec<IneligibilityReason>,
}

impl ReturnIneligible {
    pub(crate) fn new(failures: &[Ineligible]) -> Self {
        Self {
            message: "This order is not eligible for return".to_owned(),
            code: UserErrorCode::ReturnIneligible,
            field: None,
            reasons: failures.iter().map(IneligibilityReason::from).collect(),
        }
    }
}

#[derive(Clone, Debug, Union)]
pub(crate) enum ReturnCreateError {
    Ineligible(ReturnIneligible),
    Input(InputError),
}

/// The fields of every user error. A domain whose errors have more fields implements it with its own type.
#[derive(Clone, Debug, Interface)]
#[graphql(
    field(name = "message", ty = "&String"),
    field(name = "code", ty = "&UserErrorCode"),
    field(name = "field", ty = "&Option<Vec<String>>")
)]
pub(crate) enum UserError {
    Input(InputError),
    Ineligible(ReturnIneligible),
}
